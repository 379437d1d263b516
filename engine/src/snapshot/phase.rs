//! The state machine of a save.

/// What a save is doing.
///
/// | from         | to `Cutting` | `Streaming` | `Publishing`     | `Aborting`          | `Idle`         |
/// |--------------|--------------|-------------|------------------|---------------------|----------------|
/// | `Idle`       | save asked   |             |                  |                     |                |
/// | `Cutting`    |              | cut taken   |                  | failed or cancelled |                |
/// | `Streaming`  |              |             | parts are durable| failed or cancelled |                |
/// | `Publishing` |              |             |                  | failed or cancelled | published      |
/// | `Aborting`   |              |             |                  |                     | files are gone |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SavePhase {
    /// Nothing is being saved.
    #[default]
    Idle,
    /// The cut is being taken.
    Cutting,
    /// Pages are being written.
    Streaming,
    /// Every part is durable; the manifest is being written and read back.
    Publishing,
    /// The save failed or was cancelled; what it wrote is being removed.
    Aborting,
}

impl SavePhase {
    /// Whether `next` may follow.
    pub(super) fn leads_to(self, next: Self) -> bool {
        match self {
            Self::Idle => matches!(next, Self::Cutting),
            Self::Cutting => matches!(next, Self::Streaming | Self::Aborting),
            Self::Streaming => matches!(next, Self::Publishing | Self::Aborting),
            Self::Publishing => matches!(next, Self::Idle | Self::Aborting),
            Self::Aborting => matches!(next, Self::Idle),
        }
    }

    /// Name for logs and status fields.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Cutting => "cutting",
            Self::Streaming => "streaming",
            Self::Publishing => "publishing",
            Self::Aborting => "aborting",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SavePhase::{self, Aborting, Cutting, Idle, Publishing, Streaming};

    #[test]
    fn the_transitions_are_those_of_the_table() {
        let phases = [Idle, Cutting, Streaming, Publishing, Aborting];
        let allowed = [
            (Idle, Cutting),
            (Cutting, Streaming),
            (Cutting, Aborting),
            (Streaming, Publishing),
            (Streaming, Aborting),
            (Publishing, Aborting),
            (Publishing, Idle),
            (Aborting, Idle),
        ];
        for from in phases {
            for to in phases {
                assert_eq!(
                    SavePhase::leads_to(from, to),
                    allowed.contains(&(from, to)),
                    "{from:?} to {to:?}"
                );
            }
        }
    }
}
