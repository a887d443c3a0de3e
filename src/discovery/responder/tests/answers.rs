//! Who is answered with what, when, and where to.

use super::*;

#[test]
fn who_browses_is_told_everything_in_one_packet_a_little_later() {
    let mut bench = Bench::settled();
    assert!(bench.hear(PHONE, &browse()).is_empty(), "others may answer, too");
    let sent = bench.run(Duration::from_secs(5));
    assert_eq!(sent.len(), 1);
    assert!((20..=120).contains(&sent[0].0.as_millis()), "{:?}", sent[0].0);
    assert_eq!(sent[0].1.to, None);
    let (answers, beside) = lines(&sent[0].1);
    assert_eq!(answers, [POINTER]);
    assert_eq!(
        beside,
        [
            "SRV studio.local:18790! 120",
            "TXT! 4500",
            "A 192.168.1.5! 120",
            "NSEC studio.local! 120"
        ]
    );
}

#[test]
fn upper_and_lower_case_mean_the_same() {
    let mut bench = Bench::settled();
    let name = type_name("_CLAWDBOT-Bridge._TCP");
    let sent = bench.after(PHONE, &bytes(&query(vec![question(name, TYPE::PTR)])));
    assert_eq!(answers(&sent), [POINTER]);
}

#[test]
fn what_is_ours_alone_is_told_at_once() {
    let mut bench = Bench::settled();
    for (name, kind, expected) in [
        (
            instance("Studio (Clawdbot)"),
            QTYPE::from(TYPE::SRV),
            vec!["SRV studio.local:18790! 120"],
        ),
        (host(), TYPE::A.into(), vec!["A 192.168.1.5! 120"]),
        (host(), TYPE::AAAA.into(), vec!["NSEC studio.local! 120"]),
        (
            instance("Studio (Clawdbot)"),
            TYPE::A.into(),
            vec!["NSEC Studio (Clawdbot)._clawdbot-bridge._tcp.local! 120"],
        ),
        (host(), QTYPE::ANY, vec!["A 192.168.1.5! 120"]),
        (name(["elsewhere", "local"]), QTYPE::ANY, vec![]),
        (type_name("_http._tcp"), TYPE::PTR.into(), vec![]),
    ] {
        bench.run(Duration::from_secs(2));
        let sent = bench.hear(PHONE, &bytes(&query(vec![question(name.clone(), kind)])));
        assert_eq!(answers(&sent), expected, "{name}");
    }
    bench.run(Duration::from_secs(2));
    let types = name(["_services", "_dns-sd", "_udp", "local"]);
    let sent = bench.after(PHONE, &bytes(&query(vec![question(types, TYPE::PTR)])));
    assert_eq!(answers(&sent), ["PTR _clawdbot-bridge._tcp.local 4500"]);
}

#[test]
fn a_record_is_multicast_at_most_once_in_a_second() {
    let mut bench = Bench::settled();
    let mut told = Vec::new();
    for _ in 0..500 {
        bench.hear(PHONE, &browse());
        told.extend(bench.run(Duration::from_millis(10)));
    }
    // Five seconds.
    assert!((5..=6).contains(&told.len()), "{}", told.len());
}

#[test]
fn who_knows_it_is_not_told_again() {
    let mut bench = Bench::settled();
    let known = |ttl| {
        let mut packet = query(vec![question(type_name(SERVICE_TYPE), TYPE::PTR)]);
        let pointer = RData::PTR(simple_dns::rdata::PTR(instance("studio (clawdbot)")));
        let record = ResourceRecord::new(type_name(SERVICE_TYPE), CLASS::IN, ttl, pointer);
        packet.answers.push(record);
        packet
    };
    assert!(bench.after(PHONE, &bytes(&known(2250))).is_empty());
    assert_eq!(bench.after(PHONE, &bytes(&known(2249))).len(), 1, "it forgets soon");
    // What is known may come in the next packet.
    bench.run(Duration::from_secs(2));
    let mut more_to_come = known(0);
    more_to_come.answers.clear();
    more_to_come.set_flags(PacketFlag::TRUNCATION);
    let mut rest = known(4500);
    rest.questions.clear();
    bench.hear(PHONE, &bytes(&more_to_come));
    assert!(bench.after(PHONE, &bytes(&rest)).is_empty());
    bench.hear(PHONE, &bytes(&more_to_come));
    assert_eq!(bench.after("192.168.1.77:5353", &bytes(&rest)).len(), 1, "somebody else knows it");
}

#[test]
fn who_wants_an_answer_alone_gets_it_if_all_have_heard_it_lately() {
    let mut bench = Bench::settled();
    let mut packet = query(vec![question(host(), TYPE::A)]);
    packet.questions[0].unicast_response = true;
    let packet = bytes(&packet);
    let sent = bench.hear(PHONE, &packet);
    assert_eq!(sent[0].to, Some(PHONE.parse().unwrap()));
    assert_eq!(answers(&sent), ["A 192.168.1.5! 120"]);
    assert_eq!(bench.after("203.0.113.7:5353", &packet)[0].to, None, "not from this network");
    bench.run(Duration::from_secs(31));
    assert_eq!(bench.hear(PHONE, &packet)[0].to, None, "a quarter of its time is over");
}

#[test]
fn old_fashioned_resolvers_get_what_they_understand() {
    let mut bench = Bench::settled();
    let mut packet = query(vec![
        question(name(["elsewhere", "local"]), TYPE::A),
        question(type_name(SERVICE_TYPE), TYPE::PTR),
    ]);
    packet.set_id(4711);
    let from = "192.168.1.9:40000";
    let sent = bench.hear(from, &bytes(&packet));
    assert_eq!((sent.len(), sent[0].to), (1, Some(from.parse().unwrap())));
    let reply = Packet::parse(&sent[0].bytes).unwrap();
    assert_eq!((reply.id(), reply.questions.len()), (4711, 1));
    let records: Vec<String> =
        reply.answers.iter().chain(&reply.additional_records).map(line).collect();
    assert_eq!(records[0], POINTER.replace("4500", "10"));
    assert!(records.iter().all(|line| !line.contains('!')), "{records:?}");
    assert!(reply.additional_records.iter().all(|record| record.ttl <= 10));
    assert!(bench.hear("203.0.113.7:40000", &bytes(&packet)).is_empty(), "from far away");
}

#[test]
fn a_flood_of_questions_makes_few_answers() {
    let mut bench = Bench::settled();
    let mut alone = query(vec![question(host(), TYPE::A)]);
    alone.questions[0].unicast_response = true;
    let (alone, usual) = (bytes(&alone), browse());
    let mut sent = Vec::new();
    for i in 0..10_000 {
        let from = if i % 2 == 0 { PHONE } else { "192.168.1.9:40000" };
        sent.extend(bench.hear(from, if i % 3 == 0 { &alone } else { &usual }));
        bench.now += Duration::from_micros(100);
    }
    let unicast = sent.iter().filter(|transmit| transmit.to.is_some()).count();
    assert!(unicast <= 2 * limits::MDNS_UNICAST as usize, "{unicast}");
    assert!(sent.len() - unicast <= 4, "{}", sent.len() - unicast);
}

#[test]
fn odd_names_are_one_label_on_the_wire() {
    for name in ["a.b\\.c \\032 \u{1F980}", &"ä".repeat(60), "x\u{7}y"] {
        let mut bench = Bench::new(announcement(name, 1));
        bench.run(Duration::from_secs(5));
        let label = bench.responder.announced.instance();
        let sent = bench.after(PHONE, &browse());
        let packet = Packet::parse(&sent[0].bytes).unwrap();
        let RData::PTR(target) = &packet.answers[0].rdata else { panic!("no pointer") };
        assert_eq!(target.0.get_labels().len(), 4);
        assert_eq!(target.0.get_labels()[0].as_ref(), label.as_bytes());
        bench.run(Duration::from_secs(2));
        let ask = bytes(&query(vec![question(instance(&label), TYPE::TXT)]));
        assert_eq!(answers(&bench.hear(PHONE, &ask)), ["TXT! 4500"]);
    }
}

#[test]
fn what_another_responder_here_may_tell_is_not_denied() {
    let mut bench = Bench::settled();
    let networks = ["192.168.1.5", "192.168.1.6", "fe80::5"];
    let networks = networks.iter().map(|ip| Network { ip: v4(ip), prefix: 24 }).collect();
    let place =
        AnnouncedAddresses { announced: vec![v4("192.168.1.5")], networks, is_complete: false };
    bench.responder.set_interface(bench.now, ETH0, place);
    bench.run(Duration::from_secs(5));
    let mut ask = |kind: TYPE| {
        bench.run(Duration::from_secs(2));
        answers(&bench.after(PHONE, &bytes(&query(vec![question(host(), kind)]))))
    };
    assert_eq!(ask(TYPE::A), ["A 192.168.1.5 120"], "beside others");
    assert!(ask(TYPE::AAAA).is_empty(), "there is one, which is not ours to tell");
    assert_eq!(ask(TYPE::HTTPS), ["NSEC studio.local! 120"]);
}

#[test]
fn what_apple_puts_beside_its_questions_is_no_hindrance() {
    let mut bench = Bench::settled();
    let mut packet = browse();
    // One additional record: OPT, with the owner of the sleeping machine (18 bytes).
    packet[11] = 1;
    packet.extend([0, 0, 41, 0x05, 0xa0, 0, 0, 0x11, 0x94, 0, 18, 0, 4, 0, 14, 0, 7]);
    packet.extend([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
    assert_eq!(answers(&bench.after(PHONE, &packet)), [POINTER]);
}

#[test]
fn what_found_no_room_beside_an_answer_is_still_told_when_it_is_due() {
    let mut announcement = announcement("Studio", 18790);
    announcement.types.push("_old-bridge._tcp".to_owned());
    announcement.service.cli_path = Some("/".repeat(240));
    announcement.service.tailnet_dns = Some("x".repeat(240));
    let mut bench = Bench::new(announcement.clone());
    bench.run(Duration::from_secs(10));
    // Announced twice, and asked for so soon after it that both pointers are due at one time.
    announcement.service.port += 1;
    bench.responder.update(bench.now, announcement);
    bench.run(Duration::from_millis(1800));
    let second = name(["Studio (Clawdbot)", "_old-bridge", "_tcp", "local"]);
    let mut patient = query(vec![question(second.clone(), TYPE::TXT)]);
    patient.set_flags(PacketFlag::TRUNCATION);
    bench.hear(PHONE, &bytes(&patient));
    let types = [SERVICE_TYPE, "_old-bridge._tcp"];
    let both = types.map(|service_type| question(type_name(service_type), TYPE::PTR));
    let sent = bench.after(PHONE, &bytes(&query(both.to_vec())));
    assert_eq!(answers(&sent[..1]).len(), 2);
    let told = sent.iter().flat_map(|transmit| {
        let packet = Packet::parse(&transmit.bytes).unwrap();
        let records = packet.answers.iter().chain(&packet.additional_records);
        let texts = records.filter(|record| matches!(record.rdata, RData::TXT(_)));
        texts.map(|record| record.name.clone().into_owned()).collect::<Vec<_>>()
    });
    assert_eq!(told.collect::<Vec<_>>(), [instance("Studio (Clawdbot)"), second]);
}
