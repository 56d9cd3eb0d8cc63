use std::fmt::Debug;
use std::time::{Duration, Instant};

/// A machine that builds beside its tests may be ten times as slow as another.
pub const PATIENCE: Duration = Duration::from_secs(180);
const BETWEEN: Duration = Duration::from_millis(40);

/// Asks again and again until there is an answer; a test fails that has waited for [`PATIENCE`].
pub async fn wait_for<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "never came: {what}");
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Asks again and again until the answer is the one expected.
pub async fn wait_until<T: PartialEq + Debug>(expected: T, ask: impl AsyncFn() -> T) {
    let started = Instant::now();
    loop {
        let answer = ask().await;
        if answer == expected {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "never came to {expected:?}: {answer:?}");
        tokio::time::sleep(BETWEEN).await;
    }
}
