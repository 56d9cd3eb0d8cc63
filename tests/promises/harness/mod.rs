//! A whole service for each test, on either store, and a partner's view of it.

mod app;
mod browser;
mod chaos_road;
mod crm;
mod customer;
mod dpop;
mod partner;
mod postgres;
mod simulator;
mod staff;
mod wait;
mod watch;

pub use app::{PIN, Store, TestApp, Trial, count, run_sql};
pub use browser::{Browser, BrowserPage};
pub use chaos_road::ChaosRoad;
pub use crm::{BadRoad, Fault, ask_crm, crm_client, crm_records, shared_crm, start_crm};
pub use customer::{code, customer, member, until};
pub use dpop::DpopClient;
pub use partner::{Answer, Partner, assertion, cloud_event, payment, phone_of, referral, refund};
pub use postgres::Cluster;
pub use simulator::{Simulator, python};
pub use staff::{adjustment, reversal, staff};
pub use wait::{PATIENCE, wait_for, wait_until};

/// Makes a test of each store. The block is given a running service, or, as `store: Store`, the
/// store on which it makes its own. A function that takes the store is named alone.
macro_rules! on_both_stores {
    ($name:ident) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                Box::pin(super::$name(crate::harness::Store::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                Box::pin(super::$name(crate::harness::Store::Postgres)).await;
            }
        }
    };
    // One that waits for commands and not for the network.
    (sync $name:ident) => {
        mod $name {
            #[test]
            fn sqlite() {
                super::$name(crate::harness::Store::Sqlite);
            }

            #[test]
            fn postgres() {
                super::$name(crate::harness::Store::Postgres);
            }
        }
    };
    ($(#[$doc:meta])* async fn $name:ident($store:ident: Store) $body:block) => {
        $(#[$doc])*
        async fn $name($store: crate::harness::Store) $body

        on_both_stores!($name);
    };
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
