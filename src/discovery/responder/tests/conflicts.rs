//! Who keeps a name that two want.

use super::*;
use simple_dns::rdata::{SRV, TXT};

/// Somebody else's service of the same name.
fn rival(port: u16) -> ResourceRecord<'static> {
    let target = name(["rival", "local"]);
    let rdata = RData::SRV(SRV { priority: 0, weight: 0, port, target });
    ResourceRecord::new(instance("Studio (Clawdbot)"), CLASS::IN, 120, rdata)
}

/// Bridges in one network, each on a machine of its own or all on one.
struct Lan {
    bridges: Vec<(Responder, IpAddr)>,
    now: Instant,
    one_machine: bool,
}

impl Lan {
    fn new(one_machine: bool) -> Self {
        Self { bridges: Vec::new(), now: Instant::now(), one_machine }
    }

    fn join(&mut self, announcement: Announcement) {
        let number = u8::try_from(self.bridges.len()).unwrap() + 1;
        let ip = IpAddr::from([192, 168, 1, if self.one_machine { 1 } else { number }]);
        let mut responder = Responder::new(announcement, u64::from(number) * 977);
        let networks = vec![Network { ip, prefix: 24 }];
        let place = AnnouncedAddresses { announced: vec![ip], networks, is_complete: true };
        responder.set_interface(self.now, ETH0, place);
        self.bridges.push((responder, ip));
    }

    /// Everybody hears everything, also what they say themselves.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let next = self.bridges.iter().filter_map(|(r, _)| r.next_deadline()).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            let mut air: VecDeque<(IpAddr, Transmit)> = VecDeque::new();
            for (responder, ip) in &mut self.bridges {
                air.extend(responder.tick(self.now).into_iter().map(|t| (*ip, t)));
            }
            while let Some((ip, transmit)) = air.pop_front() {
                assert_eq!(transmit.to, None, "our sockets do not hear unicast");
                let from = SocketAddr::new(ip, MDNS_PORT);
                let bytes = &transmit.bytes;
                for (responder, own) in &mut self.bridges {
                    let sent = responder.receive(self.now, ETH0, from, bytes, &mut |ip| ip == *own);
                    air.extend(sent.into_iter().map(|t| (*own, t)));
                }
            }
        }
        self.now = end;
    }

    fn names(&self) -> Vec<String> {
        let names = |(r, _): &(Responder, IpAddr)| {
            format!("{} at {}", r.announced.instance(), r.announced.host())
        };
        let mut names: Vec<String> = self.bridges.iter().map(names).collect();
        names.sort();
        names
    }
}

#[test]
fn the_second_of_a_name_gets_a_number() {
    let mut lan = Lan::new(false);
    lan.join(announcement("Studio", 18790));
    lan.run(Duration::from_secs(5));
    lan.join(announcement("Studio", 18790));
    lan.run(Duration::from_secs(10));
    lan.join(announcement("Studio", 18790));
    lan.run(Duration::from_secs(10));
    assert_eq!(
        lan.names(),
        [
            "Studio (Clawdbot) (2) at studio-2",
            "Studio (Clawdbot) (3) at studio-3",
            "Studio (Clawdbot) at studio",
        ]
    );
    assert_eq!(lan.bridges[0].0.announced.host(), "studio", "who was there first keeps it");
}

#[test]
fn those_who_start_together_agree_as_well() {
    for one_machine in [false, true] {
        let mut lan = Lan::new(one_machine);
        for i in 0..4 {
            lan.join(announcement("Studio", 18790 + i));
        }
        lan.run(Duration::from_secs(60));
        let names = lan.names();
        let hosts: Vec<&str> = names.iter().filter_map(|n| n.split(" at ").nth(1)).collect();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("Studio (Clawdbot) at")), "{names:?}");
        let distinct = if one_machine { 1 } else { 4 };
        let hosts: std::collections::BTreeSet<&str> = hosts.into_iter().collect();
        assert_eq!(hosts.len(), distinct, "{names:?}");
    }
}

#[test]
fn a_bridge_on_two_links_of_one_network_is_no_rival_to_itself() {
    let mut bench = Bench::new(announcement("Studio", 18790));
    let other = InterfaceId { index: 3, v6: false };
    bench.set_interface(other, &["10.0.0.5"]);
    for _ in 0..2000 {
        let sent = bench.run(Duration::from_millis(5));
        for (_, transmit) in sent {
            let from =
                if transmit.interface == ETH0 { "192.168.1.5:5353" } else { "10.0.0.5:5353" };
            bench.hear_on(ETH0, from, &transmit.bytes);
            bench.hear_on(other, from, &transmit.bytes);
        }
    }
    assert_eq!(bench.responder.announced.instance(), "Studio (Clawdbot)");
    assert_eq!(bench.responder.announced.host(), "studio");
    assert!(bench.responder.interfaces.values().all(|interface| interface.phase == Phase::Settled));
}

#[test]
fn avahi_on_this_machine_says_the_same_with_other_addresses_of_it() {
    let mut bench = Bench::settled();
    assert!(bench
        .after("192.168.1.5:5353", &answer(vec![address_record([10, 0, 0, 5], 120)]))
        .is_empty());
    assert_eq!(bench.responder.interfaces[&ETH0].phase, Phase::Settled);
    // When it stops, what it takes back is still true.
    let goodbye = answer(vec![address_record([192, 168, 1, 5], 0)]);
    assert_eq!(answers(&bench.after("192.168.1.5:5353", &goodbye)), ["A 192.168.1.5! 120"]);
    // The end of what is not ours concerns nobody.
    let goodbye = answer(vec![address_record([10, 0, 0, 5], 0)]);
    assert!(bench.after("192.168.1.5:5353", &goodbye).is_empty());
}

#[test]
fn another_machine_with_our_host_name_has_to_prove_it() {
    let mut bench = Bench::settled();
    let theirs = answer(vec![address_record([192, 168, 1, 77], 120)]);
    bench.hear("192.168.1.77:5353", &theirs);
    assert_eq!(bench.responder.announced.host(), "studio", "perhaps it is a leftover");
    let sent = bench.run(Duration::from_millis(300));
    assert!(!sent.is_empty(), "so we ask again");
    bench.hear("192.168.1.77:5353", &theirs);
    assert_eq!(bench.responder.announced.host(), "studio-2");
    assert_eq!(bench.responder.announced.instance(), "Studio (Clawdbot)");
    bench.run(Duration::from_secs(5));
    let sent = bench.after(PHONE, &browse());
    let packet = Packet::parse(&sent[0].bytes).unwrap();
    let beside: Vec<String> = packet.additional_records.iter().map(line).collect();
    assert!(beside.contains(&"SRV studio-2.local:18790! 120".to_owned()), "{beside:?}");
    let told = bench.responder.announced.txt();
    assert!(told.contains(&"lanHost=studio-2.local".to_owned()));
}

#[test]
fn a_name_that_was_told_elsewhere_is_taken_back_there() {
    let mut bench = Bench::settled();
    let other = InterfaceId { index: 3, v6: false };
    bench.set_interface(other, &["10.0.0.5"]);
    bench.run(Duration::from_secs(5));
    bench.hear(PHONE, &answer(vec![rival(1)]));
    bench.run(Duration::from_millis(300));
    let sent = bench.hear(PHONE, &answer(vec![rival(1)]));
    assert_eq!(bench.responder.announced.instance(), "Studio (Clawdbot) (2)");
    let links: Vec<InterfaceId> = sent.iter().map(|transmit| transmit.interface).collect();
    assert_eq!(links, [ETH0, other]);
    assert!(answers(&sent).iter().all(|line| *line == POINTER.replace("4500", "0")));
}

#[test]
fn names_are_defended_at_once() {
    let mut bench = Bench::settled();
    let mut probe = query(vec![question(instance("Studio (Clawdbot)"), QTYPE::ANY)]);
    probe.name_servers.push(rival(1));
    let probe = bytes(&probe);
    let sent = bench.hear(PHONE, &probe);
    assert!(answers(&sent).contains(&"SRV studio.local:18790! 120".to_owned()));
    assert_eq!(sent[0].to, None);
    assert!(bench.hear(PHONE, &probe).is_empty(), "four times in a second, not more");
    bench.now += Duration::from_millis(250);
    assert!(!bench.hear(PHONE, &probe).is_empty());
}

#[test]
fn the_later_data_wins_between_two_who_ask() {
    // The first difference is in the text, which comes before the server.
    for (length, lost) in [(200, true), (1, false)] {
        let mut bench = Bench::new(announcement("Studio", 18790));
        bench.run(Duration::from_millis(260));
        let mut probe = query(vec![question(instance("Studio (Clawdbot)"), QTYPE::ANY)]);
        let text = "x".repeat(length);
        let text = RData::TXT(TXT::new().with_string(&text).unwrap().into_owned());
        let name = instance("Studio (Clawdbot)");
        probe.name_servers.push(rival(1));
        probe.name_servers.push(ResourceRecord::new(name, CLASS::IN, 120, text));
        bench.hear(PHONE, &bytes(&probe));
        let sent = bench.run(Duration::from_millis(990));
        assert_eq!(sent.is_empty(), lost, "who loses waits a second");
        let sent = bench.run(Duration::from_secs(5));
        assert!(!sent.is_empty());
        assert_eq!(
            bench.responder.announced.instance(),
            "Studio (Clawdbot)",
            "nobody has taken it"
        );
    }
}

#[test]
fn somebody_who_wants_every_name_slows_us_down() {
    let mut bench = Bench::settled();
    let start = bench.now;
    for _ in 0..4000 {
        let mut theirs = rival(1);
        theirs.name = instance(&bench.responder.announced.instance());
        bench.hear(PHONE, &answer(vec![theirs]));
        bench.run(Duration::from_millis(5));
    }
    let seconds = (bench.now - start).as_secs();
    // A burst, and from then on an attempt every five seconds.
    let pause = limits::MDNS_CONFLICT_PAUSE.as_secs();
    let attempts = u64::from(limits::MDNS_CONFLICTS as u32) + seconds / pause + 1;
    let label = bench.responder.announced.instance();
    let number = label.rsplit(['(', ')']).nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap();
    assert!(number <= attempts, "{label} after {seconds} s");
}
