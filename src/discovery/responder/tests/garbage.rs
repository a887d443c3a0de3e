//! Whatever is in a packet, nothing breaks, and little is sent.

use super::*;

/// Packets that mean something, as a start for those that do not.
fn seeds() -> Vec<Vec<u8>> {
    let mut bench = Bench::new(announcement("Studio", 18790));
    let mut seeds: Vec<Vec<u8>> =
        bench.run(Duration::from_secs(5)).into_iter().map(|(_, transmit)| transmit.bytes).collect();
    seeds.extend(bench.responder.goodbye().into_iter().map(|transmit| transmit.bytes));
    seeds.push(browse());
    seeds.push(answer(vec![address_record([192, 168, 1, 77], 120)]));
    seeds.push(bytes(&query(vec![question(host(), QTYPE::ANY)])));
    seeds
}

#[test]
fn no_packet_breaks_anything() {
    let seeds = seeds();
    let mut jitter = Jitter::new(0x5eed);
    let mut random = |below: u64| jitter.within(0..below.max(1)).as_millis() as usize;
    let mut bench = Bench::new(announcement("Studio", 18790));
    for round in 0..30_000 {
        let mut packet = if round % 4 == 0 {
            (0..random(200)).map(|_| random(256) as u8).collect()
        } else {
            seeds[random(seeds.len() as u64)].clone()
        };
        for _ in 0..random(8) {
            let at = random(packet.len() as u64);
            match (random(4), packet.get_mut(at)) {
                (0, _) => packet.truncate(at),
                (1, Some(byte)) => *byte = random(256) as u8,
                (2, Some(byte)) => *byte ^= 1 << random(8),
                (_, _) => packet.insert(at.min(packet.len()), random(256) as u8),
            }
        }
        let from = ["192.168.1.9:5353", "192.168.1.5:5353", "192.168.1.9:40000", "9.9.9.9:1"];
        let mut sent = bench.hear(from[random(4)], &packet);
        sent.extend(bench.run(Duration::from_millis(20)).into_iter().map(|(_, t)| t));
        assert!(sent.len() < 16, "{} packets for one", sent.len());
        for transmit in sent {
            assert!(transmit.bytes.len() <= limits::MDNS_REPLY);
            Packet::parse(&transmit.bytes).unwrap();
        }
    }
    // Whatever the name is by now, who asks is answered.
    bench.run(Duration::from_secs(20));
    assert_eq!(bench.after(PHONE, &browse()).len(), 1);
}

#[test]
fn a_packet_of_more_questions_and_records_than_anybody_has_is_not_parsed() {
    let packet = |questions, records| {
        let mut packet = query(vec![question(host(), QTYPE::ANY); questions]);
        packet.answers = vec![address_record([192, 168, 1, 77], 120); records];
        bytes(&packet)
    };
    let most = limits::MDNS_RECORDS;
    for (questions, records) in [(most, 0), (0, most), (most / 2, most / 2)] {
        assert!(packets::parse(&packet(questions, records)).is_some());
        assert!(packets::parse(&packet(questions + 1, records)).is_none());
    }
}

#[test]
fn what_cannot_be_in_a_packet_is_not_made_room_for() {
    for counts in [[0xff; 8], [0, 0, 0xff, 0xff, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]] {
        let mut packet = vec![0; 4];
        packet.extend(counts);
        assert!(packets::parse(&packet).is_none());
        packet.extend([0; 4]);
        assert!(packets::parse(&packet).is_none());
    }
    assert!(packets::parse(&[]).is_none() && packets::parse(&[0; 11]).is_none());
    assert!(packets::parse(&[0; 12]).is_some(), "an empty question");
}
