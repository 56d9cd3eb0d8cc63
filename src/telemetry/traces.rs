//! Traces by OpenTelemetry: our spans become a trace's, and go to the collector by OTLP over HTTP
//! from a thread and a queue of their own. When the queue is full, spans are dropped; nothing waits
//! for a collector.
//!
//! A caller's `traceparent` is believed as far as ids go, so that both sides can speak of one
//! trace. Whether a trace is kept is ours to say: it costs us.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use opentelemetry::trace::{
    Link, SpanContext, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue, SpanId};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, ParentBasedSampler, SamplingDecision, SamplingResult,
    SdkTracerProvider, ShouldSample,
};
use tokio::runtime::Handle;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use super::{BoxedLayer, is_ours};
use crate::settings::TraceSettings;
use crate::trace_parent::TraceParent;

/// Spans that may wait for the collector.
const QUEUE_MAX: usize = 8_192;
/// Spans in one request to it.
const BATCH_MAX: usize = 512;
/// How long spans wait for others before they are sent.
const EVERY: Duration = Duration::from_secs(1);
/// How long the collector may take.
const TIME_OUT: Duration = Duration::from_secs(3);
/// Events of one group to which its commit has links.
pub const LINKS_MAX: usize = 64;

/// Whether anybody wants traces: without, no span is asked for its place.
static WANTED: AtomicBool = AtomicBool::new(false);

/// The way of the spans to the collector.
pub struct Traces {
    provider: SdkTracerProvider,
}

/// Our HTTP client, as the exporter wants it: it calls from a thread without a runtime.
#[derive(Debug)]
struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    /// Whether the last request came to nothing: the log is told of changes only.
    failing: Arc<AtomicBool>,
}

/// Keeps one trace in so many.
#[derive(Clone, Debug)]
struct OneIn {
    every: u32,
    count: Arc<AtomicU32>,
}

impl Traces {
    /// # Errors
    /// What is wrong with the settings.
    pub fn start(settings: &TraceSettings) -> Result<Self, String> {
        let expected = "expected such as \"http://127.0.0.1:4318/v1/traces\"";
        let endpoint = reqwest::Url::parse(&settings.endpoint)
            .map_err(|error| format!("setting traces.endpoint: {error}; {expected}"))?;
        let unusable = |error: &dyn std::error::Error| format!("setting traces: {error}");
        let http = reqwest::Client::builder()
            .timeout(TIME_OUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| unusable(&error))?;
        let failing = Arc::new(AtomicBool::new(false));
        let collector = Collector { http, runtime: Handle::current(), failing };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_endpoint(endpoint.as_str())
            .with_timeout(TIME_OUT)
            .build()
            .map_err(|error| unusable(&error))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(EVERY)
            .build();
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let ours = OneIn { every: settings.sample_one_in.max(1), count: Arc::default() };
        let sampler = ParentBasedSampler::new(ours.clone())
            .with_remote_parent_sampled(ours.clone())
            .with_remote_parent_not_sampled(ours);
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(batches)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        WANTED.store(true, Ordering::Relaxed);
        Ok(Self { provider })
    }

    /// Takes our spans, down to `debug`, and no lines of log.
    pub fn layer(&self) -> BoxedLayer {
        let spans =
            filter_fn(|it| it.is_span() && is_ours(it) && *it.level() <= tracing::Level::DEBUG)
                .with_max_level_hint(LevelFilter::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("tallystick"))
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(spans)
            .boxed()
    }

    /// Sends what is left, for a few seconds at most.
    pub async fn stop(self) {
        WANTED.store(false, Ordering::Relaxed);
        let flush = move || self.provider.shutdown_with_timeout(TIME_OUT);
        match tokio::task::spawn_blocking(flush).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces are not sent"),
            Err(error) => tracing::warn!(%error, "the last traces are lost"),
        }
    }
}

/// Whether a collector is set up.
#[must_use]
pub fn are_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// A span's place in its trace; `None` where there are no traces.
#[must_use]
pub fn place(span: &Span) -> Option<TraceParent> {
    if !are_wanted() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    let trace = u128::from_be_bytes(context.trace_id().to_bytes());
    TraceParent::new(trace, u64::from_be_bytes(context.span_id().to_bytes()), context.is_sampled())
}

/// Where a new span belongs: below a place of our own, which says whether it is kept.
pub fn continue_own(span: &Span, parent: TraceParent) {
    set_parent(span, parent, false);
}

/// The same below a caller's.
pub fn continue_callers(span: &Span, parent: TraceParent) {
    set_parent(span, parent, true);
}

fn set_parent(span: &Span, parent: TraceParent, is_remote: bool) {
    if are_wanted() && !span.is_disabled() {
        let context = Context::new().with_remote_span_context(context(parent, is_remote));
        // A span whose place was asked for already keeps it: nothing is lost but a line of a picture.
        let _placed = span.set_parent(context);
    }
}

/// Says that a span has to do with another one.
pub fn link(span: &Span, other: TraceParent) {
    if are_wanted() && !span.is_disabled() {
        span.add_link(context(other, false));
    }
}

/// Calls a span something else than when it began.
pub fn rename(span: &Span, name: String) {
    if are_wanted() && !span.is_disabled() {
        span.context().span().update_name(name);
    }
}

/// Says something of a span that is no word of whoever called.
pub fn tell(span: &Span, key: &'static str, value: impl Into<opentelemetry::Value>) {
    if are_wanted() && !span.is_disabled() {
        span.set_attribute(key, value);
    }
}

fn context(place: TraceParent, is_remote: bool) -> SpanContext {
    let flags = if place.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace, span) = (TraceId::from(place.trace()), SpanId::from(place.span()));
    SpanContext::new(trace, span, flags, is_remote, TraceState::NONE)
}

impl ShouldSample for OneIn {
    fn should_sample(
        &self,
        _parent: Option<&Context>,
        _trace_id: TraceId,
        _name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let kept = self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every);
        let decision =
            if kept { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
    }
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Sent<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let sending = self.runtime.spawn(send(self.http.clone(), request));
        Box::pin(async move {
            let sent = sending.await.map_err(HttpError::from).and_then(|sent| sent);
            let fails = !matches!(&sent, Ok(answer) if answer.status().is_success());
            if self.failing.swap(fails, Ordering::Relaxed) != fails {
                match &sent {
                    Err(error) => tracing::warn!(%error, "the collector of traces is not reached"),
                    Ok(answer) if fails => {
                        let status = answer.status().as_u16();
                        tracing::warn!(status, "the collector of traces refuses them");
                    }
                    Ok(_) => tracing::info!("the collector of traces takes them again"),
                }
            }
            sent
        })
    }
}

async fn send(
    http: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let answer = http.execute(request.try_into()?).await?;
    let status = answer.status();
    // What it says is for nobody here; so much of it is read that the connection can go on.
    let body = answer.bytes().await?;
    Ok(Response::builder().status(status).body(body)?)
}
