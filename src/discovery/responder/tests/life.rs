//! From the first probe to the goodbye.

use super::*;

#[test]
fn names_are_asked_for_three_times_and_then_told_twice() {
    let mut bench = Bench::new(announcement("Studio", 18790));
    let sent = bench.run(Duration::from_secs(10));
    let times: Vec<u128> = sent.iter().map(|(at, _)| at.as_millis()).collect();
    let first = times[0];
    assert!(first < 250);
    let after: Vec<u128> = times.iter().map(|at| at - first).collect();
    assert_eq!(after, [0, 250, 500, 750, 1750]);
    for (_, probe) in &sent[..3] {
        let packet = Packet::parse(&probe.bytes).unwrap();
        assert!(!packet.has_flags(PacketFlag::RESPONSE));
        let asked: Vec<String> = packet.questions.iter().map(|q| q.qname.to_string()).collect();
        assert_eq!(asked, ["Studio (Clawdbot)._clawdbot-bridge._tcp.local", "studio.local"]);
        assert!(packet.questions.iter().all(|q| q.qtype == QTYPE::ANY && !q.unicast_response));
        let proposed: Vec<String> = packet.name_servers.iter().map(line).collect();
        assert_eq!(proposed, ["SRV studio.local:18790 120", "TXT 4500", "A 192.168.1.5 120"]);
    }
    for (_, announcement) in &sent[3..] {
        let packet = Packet::parse(&announcement.bytes).unwrap();
        assert!(packet.has_flags(PacketFlag::RESPONSE | PacketFlag::AUTHORITATIVE_ANSWER));
        assert!(packet.questions.is_empty() && announcement.to.is_none());
        assert_eq!(
            lines(announcement).0,
            [
                "PTR _clawdbot-bridge._tcp.local 4500",
                POINTER,
                "SRV studio.local:18790! 120",
                "TXT! 4500",
                "A 192.168.1.5! 120",
            ]
        );
    }
}

#[test]
fn nothing_is_answered_before_the_names_are_ours() {
    let mut bench = Bench::new(announcement("Studio", 18790));
    assert!(bench.hear(PHONE, &browse()).is_empty());
    assert!(bench.responder.goodbye().is_empty(), "nobody knows us yet");
}

#[test]
fn a_goodbye_takes_everything_back() {
    let bench = Bench::settled();
    let goodbye = bench.responder.goodbye();
    assert_eq!(
        answers(&goodbye),
        [
            "PTR _clawdbot-bridge._tcp.local 0",
            "PTR Studio (Clawdbot)._clawdbot-bridge._tcp.local 0",
            "SRV studio.local:18790! 0",
            "TXT! 0",
            "A 192.168.1.5! 0",
        ]
    );
}

#[test]
fn every_link_is_told_its_own_addresses() {
    let mut bench = Bench::settled();
    let other = InterfaceId { index: 3, v6: false };
    bench.set_interface(other, &["10.0.0.5"]);
    let sent = bench.run(Duration::from_secs(3));
    assert!(sent.iter().all(|(_, transmit)| transmit.interface == other), "the first knows us");
    let told = lines(&sent[3].1).0;
    assert!(told.contains(&"A 10.0.0.5! 120".to_owned()), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("192.168")), "{told:?}");
    bench.responder.remove_interface(other);
    assert!(bench.responder.goodbye().iter().all(|transmit| transmit.interface == ETH0));
}

#[test]
fn a_changed_address_is_told_and_the_old_one_taken_back() {
    let mut bench = Bench::settled();
    assert!(bench.set_interface(ETH0, &["192.168.1.5"]).is_empty(), "nothing has changed");
    let gone = bench.set_interface(ETH0, &["192.168.1.6"]);
    assert_eq!(answers(&gone), ["A 192.168.1.5! 0"]);
    let sent = bench.run(Duration::from_secs(3));
    assert_eq!(sent.len(), 2, "told twice, without asking for the names again");
    assert!(lines(&sent[0].1).0.contains(&"A 192.168.1.6! 120".to_owned()));
}

#[test]
fn a_new_fact_is_told_and_a_new_name_begins_anew() {
    let mut bench = Bench::settled();
    let mut new = announcement("Studio", 18790);
    assert!(bench.responder.update(bench.now, new.clone()).is_empty());
    assert!(bench.run(Duration::from_secs(3)).is_empty(), "nothing is new");
    new.service.canvas_port = Some(18793);
    assert!(bench.responder.update(bench.now, new.clone()).is_empty());
    assert_eq!(bench.run(Duration::from_secs(3)).len(), 2);
    new.service.name = "Attic".to_owned();
    let goodbye = bench.responder.update(bench.now, new);
    assert!(answers(&goodbye).contains(&POINTER.replace("4500", "0")));
    let sent = bench.run(Duration::from_secs(3));
    assert_eq!(sent.len(), 5, "three questions, two announcements");
    assert_eq!(bench.responder.announced.instance(), "Attic (Clawdbot)");
}

#[test]
fn several_types_are_announced_in_packets_that_fit() {
    let mut many = announcement("Studio", 18790);
    many.types = (0..limits::MDNS_TYPES).map(|i| format!("_bridge-{i}._tcp")).collect();
    many.service.tailnet_dns = Some("t".repeat(200));
    let mut bench = Bench::new(many);
    let sent = bench.run(Duration::from_secs(3));
    assert!(sent.iter().all(|(_, transmit)| transmit.bytes.len() <= limits::MDNS_REPLY));
    let told: Vec<Transmit> = sent.into_iter().map(|(_, transmit)| transmit).collect();
    let servers = answers(&told).iter().filter(|line| line.starts_with("SRV")).count();
    assert_eq!(servers, 2 * limits::MDNS_TYPES);
    let asked = told.iter().map(|t| Packet::parse(&t.bytes).unwrap().questions.len());
    assert_eq!(asked.sum::<usize>(), 3 * (limits::MDNS_TYPES + 1));
}

#[test]
fn minimal_says_nothing_that_only_operators_need() {
    let mut announcement = announcement("Studio", 18790);
    let has = |announcement: &Announcement, key: &str| {
        Announced::new(announcement.clone()).txt().iter().any(|string| string.starts_with(key))
    };
    assert!(has(&announcement, "sshPort=") && has(&announcement, "cliPath="));
    announcement.is_minimal = true;
    assert!(!has(&announcement, "sshPort=") && !has(&announcement, "cliPath="));
    assert!(has(&announcement, "gatewayPort=") && has(&announcement, "lanHost=studio.local"));
}
