use tracing::Metadata;
use tracing_subscriber::{Layer, Registry};

/// A layer of whichever kind.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Whether a line is this program's own.
pub fn is_ours(line: &Metadata<'_>) -> bool {
    line.target() == "tallystick" || line.target().starts_with("tallystick::")
}
