/// Why a command failed, for the person who runs it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
