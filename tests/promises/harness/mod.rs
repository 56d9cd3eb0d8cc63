//! A whole service for each test, on either store, and a partner's view of it.

mod app;
mod chaos_road;
mod crm;
mod customer;
mod dpop;
mod partner;
mod postgres;
mod simulator;
mod staff;

pub use app::{PIN, Store, TestApp, Trial, run_sql};
pub use chaos_road::ChaosRoad;
pub use crm::{BadRoad, Fault, ask_crm, crm_client, crm_records, shared_crm, start_crm};
pub use customer::{code, customer, member, until};
pub use dpop::DpopClient;
pub use partner::{Answer, Partner, assertion, cloud_event, payment, phone_of, referral, refund};
pub use postgres::Cluster;
pub use simulator::{Simulator, python};
pub use staff::{adjustment, reversal, staff};

/// Makes a test of each store out of one async block that is given a running service.
macro_rules! on_both_stores {
    // Partners on trial have books of their own.
    ($(#[$doc:meta])* sandboxed async fn $name:ident($app:ident) $body:block) => {
        mod $name {
            use super::*;

            async fn run($app: &mut crate::harness::TestApp) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                crate::harness::Trial::with_sandbox_on(crate::harness::Store::Sqlite).run(async |app| run(app).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                crate::harness::Trial::with_sandbox_on(crate::harness::Store::Postgres).run(async |app| run(app).await).await;
            }
        }
    };
    ($(#[$doc:meta])* async fn $name:ident($app:ident) $body:block) => {
        mod $name {
            use super::*;

            async fn run($app: &mut crate::harness::TestApp) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                crate::harness::Trial::on(crate::harness::Store::Sqlite).run(async |app| run(app).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                crate::harness::Trial::on(crate::harness::Store::Postgres).run(async |app| run(app).await).await;
            }
        }
    };
}
