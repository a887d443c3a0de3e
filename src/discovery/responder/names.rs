//! The instance name and the host name, and the numbered ones that replace them after a conflict.

use crate::discovery::service::Announcement;
use crate::protocol::label::LABEL_BYTES;
use crate::protocol::text::cut;
use simple_dns::{Label, Name};

/// Which of the names another host uses, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameKind {
    Instance,
    Host,
}

/// The announcement, and the numbers of its names; 1 stands for the wanted name itself.
pub(super) struct Announced {
    pub(super) announcement: Announcement,
    instance_number: u32,
    host_number: u32,
}

impl Announced {
    pub(super) fn new(announcement: Announcement) -> Self {
        Self { announcement, instance_number: 1, host_number: 1 }
    }

    /// Whether the other announcement wants the same names.
    pub(super) fn has_names_of(&self, other: &Announcement) -> bool {
        let (own, other) = (&self.announcement.service, &other.service);
        own.instance() == other.instance() && own.host == other.host
    }

    pub(super) fn rename(&mut self, kind: NameKind) {
        let current = |names: &Self| match kind {
            NameKind::Instance => names.instance(),
            NameKind::Host => format!("{}.local", names.host()),
        };
        let old = current(self);
        let number = match kind {
            NameKind::Instance => &mut self.instance_number,
            NameKind::Host => &mut self.host_number,
        };
        *number = number.saturating_add(1);
        let new = current(self);
        log::warn!("discovery: another host uses the name {old:?}; using {new:?}");
    }

    /// `Studio (Clawdbot)`, or `Studio (Clawdbot) (2)`.
    pub(super) fn instance(&self) -> String {
        numbered(&self.announcement.service.instance(), self.instance_number, |n| format!(" ({n})"))
    }

    /// `studio`, or `studio-2`.
    pub(super) fn host(&self) -> String {
        numbered(&self.announcement.service.host, self.host_number, |n| format!("-{n}"))
    }

    pub(super) fn txt(&self) -> Vec<String> {
        self.announcement.service.local_txt(&self.host(), self.announcement.is_minimal)
    }
}

fn numbered(name: &str, number: u32, suffix: impl Fn(u32) -> String) -> String {
    let suffix = if number < 2 { String::new() } else { suffix(number) };
    format!("{}{suffix}", cut(name, LABEL_BYTES - suffix.len()))
}

/// The name with these labels. Their text is taken literally: dots do not divide labels.
pub(in crate::discovery) fn name<'l>(labels: impl IntoIterator<Item = &'l str>) -> Name<'static> {
    let label = |label: &str| Label::new_unchecked(label.as_bytes().to_vec());
    Name::new_with_labels(&labels.into_iter().map(label).collect::<Vec<_>>())
}

pub(in crate::discovery) fn type_name(service_type: &str) -> Name<'static> {
    name(service_type.split('.').chain(["local"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_never_makes_a_name_too_long() {
        assert_eq!(numbered("Studio (Clawdbot)", 1, |n| format!(" ({n})")), "Studio (Clawdbot)");
        assert_eq!(
            numbered("Studio (Clawdbot)", 2, |n| format!(" ({n})")),
            "Studio (Clawdbot) (2)"
        );
        let long = numbered(&"ä".repeat(31), u32::MAX, |n| format!("-{n}"));
        assert!(long.len() <= LABEL_BYTES && long.ends_with("ä-4294967295"), "{long}");
    }

    #[test]
    fn an_instance_name_is_one_label_whatever_is_in_it() {
        let name = name(["a.b\\c. (Clawdbot)", "_x._y", "local"]);
        assert_eq!(name.get_labels().len(), 3);
        assert_eq!(name.get_labels()[0].as_ref(), b"a.b\\c. (Clawdbot)");
    }
}
