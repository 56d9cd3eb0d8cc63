/// What the receiver of a message answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The receiver's own id of the lead or task.
    pub remote_id: Option<String>,
    pub status: Option<u16>,
}
