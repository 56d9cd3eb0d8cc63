//! Leads that are to go at the same time go with one request, where the CRM can take many: while
//! one group is on its way the next gathers, as a database does with commits. Nobody waits for
//! company: a lead that comes alone goes alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};

use super::{Crm, CrmError, CrmId, Lead};

/// The way of leads to a CRM; cheap to clone.
#[derive(Clone)]
pub struct Gathered {
    crm: Arc<Crm>,
    waiting: mpsc::Sender<Waiting>,
}

struct Waiting {
    lead: Lead,
    since: Instant,
    /// Where in a trace it is told: a group's requests stand with its first lead.
    span: Span,
    answer: oneshot::Sender<Result<CrmId, CrmError>>,
}

/// Leads that wait behind the group under way. More than any relay has on its way at once.
const WAITING_MAX: usize = 1024;

impl Gathered {
    /// Leads wait at most `wait_max` for the group before theirs: whoever holds one under a lease
    /// counts on that. Ends with the last of its clones.
    #[must_use]
    pub fn start(crm: Arc<Crm>, wait_max: Duration) -> Self {
        let (waiting, coming) = mpsc::channel(WAITING_MAX);
        tokio::spawn(send_groups(Arc::clone(&crm), coming, wait_max));
        Self { crm, waiting }
    }

    /// The CRM itself, for all that is not a lead.
    #[must_use]
    pub const fn crm(&self) -> &Arc<Crm> {
        &self.crm
    }

    /// Tells the CRM of a lead.
    ///
    /// # Errors
    /// [`CrmError`], whose variants say whether trying again can help.
    pub async fn deliver(&self, lead: Lead) -> Result<CrmId, CrmError> {
        if self.crm.batch_max() == 1 {
            return self.crm.deliver(&lead).await;
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { lead, since: Instant::now(), span: Span::current(), answer };
        if self.waiting.try_send(waiting).is_err() {
            return Err(busy());
        }
        // Without an answer the group was lost with its task, and may have been told.
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
