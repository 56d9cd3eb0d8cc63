//! Traces by OpenTelemetry: our spans become spans of a trace and go to the collector by OTLP over
//! HTTP, from a thread and a queue of their own. If the queue is full, spans are dropped; no
//! request waits for the collector.
//!
//! The ids in a caller's `traceparent` are used, so that both sides can speak of one trace. We
//! decide whether a trace is kept, because we bear its cost.

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

use super::layer::{BoxedLayer, is_ours};
use crate::settings::TraceSettings;
use crate::trace_parent::TraceParent;

/// At most this many spans wait for the collector.
const QUEUE_MAX: usize = 8_192;
/// Spans in one request to the collector.
const BATCH_MAX: usize = 512;
/// How long spans wait for others before they are sent.
const EVERY: Duration = Duration::from_secs(1);
/// How long a request to the collector may take.
const TIME_OUT: Duration = Duration::from_secs(3);
/// The span of a commit has links to at most this many events of its group.
pub const LINKS_MAX: usize = 64;

/// Whether a collector is set up. Without one, no place of a span is looked up.
static WANTED: AtomicBool = AtomicBool::new(false);

/// The exporter of spans.
pub struct Traces {
    provider: SdkTracerProvider,
}

/// Our HTTP client in the form that the exporter needs: it calls from a thread without a runtime.
#[derive(Debug)]
struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    /// Whether the last request failed: only a change is logged.
    failing: Arc<AtomicBool>,
}

/// Keeps one trace in this many.
#[derive(Clone, Debug)]
struct OneIn {
    every: u32,
    count: Arc<AtomicU32>,
}

impl Traces {
    /// # Errors
    /// A sentence that says what is wrong with the settings.
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

    /// Takes our spans, down to `debug`, and no log lines.
    pub fn layer(&self) -> BoxedLayer {
        let spans = filter_fn(|data| {
            data.is_span() && is_ours(data) && *data.level() <= tracing::Level::DEBUG
        })
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

    /// Sends the remaining spans, for a few seconds at most.
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

/// A span's place in its trace; `None` if there are no traces.
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

/// Puts a new span below a place of our own, which says whether the trace is kept.
pub fn continue_own(span: &Span, parent: TraceParent) {
    set_parent(span, parent, false);
}

/// Puts a new span below the place that a caller named.
pub fn continue_callers(span: &Span, parent: TraceParent) {
    set_parent(span, parent, true);
}

fn set_parent(span: &Span, parent: TraceParent, is_remote: bool) {
    if are_wanted() && !span.is_disabled() {
        let context = Context::new().with_remote_span_context(context(parent, is_remote));
        // A span whose place was already looked up keeps it: the picture then lacks one line.
        let _placed = span.set_parent(context);
    }
}

/// Links a span to another one.
pub fn link(span: &Span, other: TraceParent) {
    if are_wanted() && !span.is_disabled() {
        span.add_link(context(other, false));
    }
}

/// Gives a span another name than at its start.
pub fn rename(span: &Span, name: String) {
    if are_wanted() && !span.is_disabled() {
        span.context().span().update_name(name);
    }
}

/// Adds an attribute to a span. Its value must not be text of a caller.
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
    // The body is of no use; it is read only so far that the connection can be used again.
    let body = answer.bytes().await?;
    Ok(Response::builder().status(status).body(body)?)
}
