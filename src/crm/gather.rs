//! Leads that are sent at the same time share one request, if the CRM can take many. While one
//! group is being sent the next one gathers, as a database does with commits. No lead waits to be
//! joined by others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};

use super::{Crm, CrmError, CrmId, Lead};

/// Sends leads to a CRM in groups; cheap to clone.
#[derive(Clone)]
pub struct Gathered {
    crm: Arc<Crm>,
    waiting: mpsc::Sender<Waiting>,
}

struct Waiting {
    lead: Lead,
    since: Instant,
    /// The span of the lead's delivery: a group's requests belong to the trace of its first lead.
    span: Span,
    answer: oneshot::Sender<Result<CrmId, CrmError>>,
}

/// Leads that wait behind the group being sent: more than any relay sends at once.
const WAITING_MAX: usize = 1024;

impl Gathered {
    /// A lead waits at most `wait_max` for the group before it, so that the lease on it does not
    /// end. The task ends with the last clone.
    #[must_use]
    pub fn start(crm: Arc<Crm>, wait_max: Duration) -> Self {
        let (waiting, coming) = mpsc::channel(WAITING_MAX);
        tokio::spawn(send_groups(Arc::clone(&crm), coming, wait_max));
        Self { crm, waiting }
    }

    /// The CRM itself, for every message that is not a lead.
    #[must_use]
    pub const fn crm(&self) -> &Arc<Crm> {
        &self.crm
    }

    /// Sends the lead to the CRM.
    ///
    /// # Errors
    /// [`CrmError`], whose variants say whether another attempt can help.
    pub async fn deliver(&self, lead: Lead) -> Result<CrmId, CrmError> {
        if self.crm.batch_max() == 1 {
            return self.crm.deliver(&lead).await;
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { lead, since: Instant::now(), span: Span::current(), answer };
        if self.waiting.try_send(waiting).is_err() {
            return Err(busy());
        }
        // No answer: the group's task was lost, and the CRM may have the lead.
        answered.await.unwrap_or(Err(CrmError::Ambiguous { look_after: Duration::from_secs(60) }))
    }
}

async fn send_groups(crm: Arc<Crm>, mut coming: mpsc::Receiver<Waiting>, wait_max: Duration) {
    let mut group = Vec::new();
    while coming.recv_many(&mut group, crm.batch_max()).await > 0 {
        let (mut leads, mut answers) = (Vec::new(), Vec::new());
        let mut first = None;
        for Waiting { lead, since, span, answer } in group.drain(..) {
            if since.elapsed() > wait_max {
                let _gone = answer.send(Err(busy()));
            } else {
                leads.push(lead);
                answers.push(answer);
                first.get_or_insert(span);
            }
        }
        if leads.is_empty() {
            continue;
        }
        let told = crm.deliver_all(&leads);
        let outcomes = told.instrument(first.unwrap_or_else(Span::none)).await;
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let _gone = answer.send(outcome);
        }
    }
}

fn busy() -> CrmError {
    CrmError::Unavailable("it is slow; the lead was not sent".to_owned())
}
