//! The names the bridge goes by, and the others it takes when somebody has them already.

use crate::discovery::Facts;
use crate::protocol::label::{cut, LABEL_BYTES};
use simple_dns::{Label, Name};

/// What a name can be lost as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The name of the service.
    Instance,
    /// The name of the machine.
    Host,
}

/// The names in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    wanted_instance: String,
    wanted_host: String,
    /// 1 is the name that was wanted.
    instance_number: u32,
    host_number: u32,
}

impl Names {
    pub(super) fn new(facts: &Facts) -> Self {
        Self {
            wanted_instance: facts.service.instance(),
            wanted_host: facts.service.host.clone(),
            instance_number: 1,
            host_number: 1,
        }
    }

    /// Whether these are names for the same wishes.
    pub(super) fn are_wanted_by(&self, facts: &Facts) -> bool {
        self.wanted_instance == facts.service.instance() && self.wanted_host == facts.service.host
    }

    /// Takes the next name.
    pub(super) fn lose(&mut self, which: Which) {
        let number = match which {
            Which::Instance => &mut self.instance_number,
            Which::Host => &mut self.host_number,
        };
        *number = number.saturating_add(1);
    }

    /// `Studio (Clawdbot)`, or `Studio (Clawdbot) (2)`.
    pub(super) fn instance(&self) -> String {
        numbered(&self.wanted_instance, self.instance_number, |n| format!(" ({n})"))
    }

    /// `studio`, or `studio-2`.
    pub(super) fn host(&self) -> String {
        numbered(&self.wanted_host, self.host_number, |n| format!("-{n}"))
    }
}

fn numbered(name: &str, number: u32, ending: impl Fn(u32) -> String) -> String {
    if number < 2 {
        return cut(name, LABEL_BYTES).to_owned();
    }
    let ending = ending(number);
    format!("{}{ending}", cut(name, LABEL_BYTES - ending.len()))
}

/// A name of these labels, each as it is: dots in an instance's name do not divide it.
pub(crate) fn name<'l>(labels: impl IntoIterator<Item = &'l str>) -> Name<'static> {
    let label = |label: &str| Label::new_unchecked(label.as_bytes().to_vec());
    let labels: Vec<Label<'static>> = labels.into_iter().map(label).collect();
    Name::new_with_labels(&labels)
}

/// `_name._tcp.local`
pub(crate) fn type_name(service_type: &str) -> Name<'static> {
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
