//! What a control and a confined try prove together. Pure.

use crate::cases::Control;

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The act was done.
    Done(String),
    /// It was denied.
    Denied(String),
    /// The machine has nothing to do it to.
    Senseless(String),
    /// The try itself went wrong.
    Broken(String),
}

/// What a case shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It can be done, but not from inside.
    Held(String),
    /// It can be done from inside.
    Escape(String),
    /// The kernel denies it to this user anyway.
    DeniedAnyway(String),
    /// It cannot be done on this machine at all.
    Untestable(String),
    /// The case proves nothing, and should.
    Broken(String),
}

/// Judges a case by its control and its confined try; `capabilities` are those of the user.
pub(crate) fn judge(control: Control, capabilities: u64, plain: &Seen, confined: &Seen) -> Finding {
    match (plain, confined) {
        (_, Seen::Done(how)) => Finding::Escape(how.clone()),
        (_, Seen::Broken(how)) => Finding::Broken(format!("confined: {how}")),
        (Seen::Broken(how), _) => Finding::Broken(format!("control: {how}")),
        (Seen::Senseless(why), _) | (_, Seen::Senseless(why)) => Finding::Untestable(why.clone()),
        (Seen::Done(_), Seen::Denied(why)) => Finding::Held(why.clone()),
        (Seen::Denied(why), Seen::Denied(_)) => match control {
            Control::Depends => Finding::Untestable(why.clone()),
            Control::Capable(bit) if capabilities & (1 << bit) == 0 => Finding::DeniedAnyway(why.clone()),
            Control::Anyone | Control::Capable(_) => {
                Finding::Broken(format!("the control was denied, so nothing is proven: {why}"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_proves_something_only_where_its_control_succeeds() {
        let (done, denied) = (Seen::Done("done".into()), Seen::Denied("no".into()));
        let senseless = Seen::Senseless("none".into());
        let broken = Seen::Broken("signal".into());
        let kinds = |control, plain: &Seen, confined: &Seen| match judge(control, 1 << 21, plain, confined) {
            Finding::Held(_) => "held",
            Finding::Escape(_) => "escape",
            Finding::DeniedAnyway(_) => "denied anyway",
            Finding::Untestable(_) => "untestable",
            Finding::Broken(_) => "broken",
        };
        for (control, plain, confined, expected) in [
            (Control::Anyone, &done, &denied, "held"),
            (Control::Anyone, &done, &done, "escape"),
            (Control::Anyone, &denied, &denied, "broken"),
            (Control::Anyone, &denied, &done, "escape"),
            (Control::Anyone, &done, &broken, "broken"),
            (Control::Anyone, &broken, &denied, "broken"),
            (Control::Capable(21), &denied, &denied, "broken"),
            (Control::Capable(22), &denied, &denied, "denied anyway"),
            (Control::Capable(22), &done, &denied, "held"),
            (Control::Depends, &denied, &denied, "untestable"),
            (Control::Depends, &senseless, &senseless, "untestable"),
            (Control::Depends, &denied, &done, "escape"),
        ] {
            assert_eq!(kinds(control, plain, confined), expected, "{control:?} {plain:?} {confined:?}");
        }
    }
}
