//! Queues, aborts, time limits, and that nothing is left.

use super::*;

#[test]
fn a_sink_that_panics_costs_its_run_only() {
    let stage = Stage::new("echo $$ > pid; printf panic; sleep 1000");
    let RunOutcome::Failed { message, .. } = stage.outcome() else { panic!("no failure") };
    assert_eq!(message, "the gateway failed while the agent answered");
    stage.wait_gone("pid");
    stage.agents.abort("rpc", |_, key| key == "main");
}

#[test]
fn a_program_that_ignores_everything_runs_out_of_time() {
    let stage = Stage::new("echo $$ > pid; echo part; exec sleep 1000");
    let mut run = run("r", "main");
    run.message = "x".repeat(1 << 20);
    run.timeout = Some(Duration::from_secs(1));
    stage.try_start(run).unwrap();
    assert_eq!(stage.end().0, aborted("timeout", "part"));
    assert!(stage.agents.wait_idle("main", DEADLINE));
    stage.wait_gone("pid");
}

#[test]
fn what_a_program_leaves_behind_holds_nobody() {
    let stage = Stage::new("sleep 1000 & echo $! > pid; echo done");
    let start = Instant::now();
    assert_eq!(stage.outcome(), done("done"));
    assert!(start.elapsed() < Duration::from_secs(5));
    stage.wait_gone("pid");
}

#[test]
fn an_abort_ends_a_run_once_and_kills_its_family() {
    let stage = Stage::new("sleep 1000 & echo $! > child; echo $$ > pid; echo up; wait; echo no");
    stage.start("r", "main");
    stage.hear("up");
    assert!(stage.abort("other", "rpc").is_empty());
    assert_eq!(stage.abort("r", "rpc"), ["r"]);
    assert!(stage.abort("r", "stop").is_empty(), "twice");
    assert_eq!(stage.end(), (aborted("rpc", "up"), None));
    assert!(stage.agents.wait_idle("main", DEADLINE));
    assert!(stage.heard.is_empty() && stage.abort("r", "rpc").is_empty());
    stage.wait_gone("pid");
    stage.wait_gone("child");
}

#[test]
fn a_queued_run_is_aborted_at_once_and_never_starts() {
    let stage = Stage::new("echo up; sleep 1000");
    stage.start("one", "main");
    stage.hear("up");
    stage.start("two", "main");
    stage.start("three", "main");
    assert_eq!(stage.abort("two", "rpc"), ["two"]);
    assert_eq!(stage.next(), ("two".to_owned(), Heard::End(aborted("rpc", ""))));
    assert_eq!(stage.agents.abort("stop", |_, key| key == "other"), Vec::<String>::new());
    assert_eq!(stage.agents.abort("stop", |_, key| key == "main"), ["one", "three"]);
    let ends = [stage.next(), stage.next()];
    assert!(ends.contains(&("one".to_owned(), Heard::End(aborted("stop", "up")))), "{ends:?}");
    assert!(ends.contains(&("three".to_owned(), Heard::End(aborted("stop", "")))), "{ends:?}");
    assert!(stage.agents.wait_idle("main", DEADLINE) && stage.heard.is_empty());
}

#[test]
fn one_session_keeps_its_order_and_others_run_beside_it() {
    let stage = Stage::with("read -r x < \"$OPENCLAW_BRIDGE_RUN_ID\"; echo bye", |config| {
        config.max_concurrent = 2;
    });
    let fifos = ["a1", "a2", "b1", "c1"].map(|run_id| (run_id, fifo(&stage, run_id)));
    for (run_id, _) in &fifos {
        stage.start(run_id, &run_id[..1]);
    }
    let started = |count: usize| {
        let mut ids = Vec::new();
        while ids.len() < count {
            if let (run_id, Heard::Started) = stage.next() {
                ids.push(run_id);
            }
        }
        ids.sort();
        ids
    };
    assert_eq!(started(2), ["a1", "b1"], "two at once, but not of one session");
    open(&fifos[2].1);
    assert_eq!(started(1), ["c1"], "a2 is older, but its session is at work");
    open(&fifos[0].1);
    assert_eq!(started(1), ["a2"]);
    open(&fifos[3].1);
    open(&fifos[1].1);
    for session in ["a", "b", "c"] {
        assert!(stage.agents.wait_idle(session, DEADLINE));
    }
}

#[test]
fn a_full_queue_is_busy() {
    let stage = Stage::with("sleep 1000", |config| {
        config.max_concurrent = 1;
        config.queue = 2;
    });
    for (run_id, taken) in [("1", Ok(())), ("2", Ok(())), ("3", Ok(())), ("4", Err(Busy::Full))] {
        assert_eq!(stage.try_start(run(run_id, run_id)), taken, "{run_id}");
    }
    assert_eq!(stage.abort("2", "rpc"), ["2"]);
    assert_eq!(stage.try_start(run("4", "4")), Ok(()));
    stage.agents.stop(Duration::from_secs(5));
    let ends = stage.heard.try_iter().filter(|(_, heard)| matches!(heard, Heard::End(_)));
    assert_eq!(ends.count(), 4);
    assert_eq!(stage.try_start(run("5", "5")), Err(Busy::Stopping));
}

#[test]
fn a_node_that_asks_without_end_does_not_keep_the_agent_from_another() {
    let stage = Stage::with("read -r x < \"$OPENCLAW_BRIDGE_RUN_ID\"; echo bye", |config| {
        config.max_concurrent = 4;
        config.queue = 8;
    });
    let of =
        |node: &str, run_id: &str| AgentRun { node: NodeId::new(node).ok(), ..run(run_id, run_id) };
    let mut fifos = Vec::new();
    let accepted = (0..100).take_while(|number| {
        let run_id = format!("eve-{number}");
        fifos.push(fifo(&stage, &run_id));
        stage.try_start(of("eve", &run_id)).is_ok()
    });
    assert_eq!(accepted.count(), 3 + 6, "at work and waiting");
    fifos.push(fifo(&stage, "alice-1"));
    stage.try_start(of("alice", "alice-1")).unwrap();
    let started =
        |id: &str| while !matches!(stage.next(), (run_id, Heard::Started) if run_id == id) {};
    started("alice-1");
    // All places are taken now; hers is the next that is free, although others wait for longer.
    let second = fifo(&stage, "alice-2");
    stage.try_start(of("alice", "alice-2")).unwrap();
    open(&fifos[0]);
    started("alice-2");
    open(&second);
    drop(stage);
}

#[test]
fn nothing_is_left_after_a_stop() {
    let script = "trap '' TERM; sleep 1000 & echo $! > child-$OPENCLAW_BRIDGE_RUN_ID
        echo $$ > $OPENCLAW_BRIDGE_RUN_ID; echo up; while :; do wait; done";
    let stage = Stage::new(script);
    stage.start("a", "a");
    stage.hear("up");
    stage.start("b", "b");
    stage.hear("up");
    stage.start("c", "b");
    let start = Instant::now();
    stage.agents.stop(Duration::from_millis(100));
    assert!(start.elapsed() < limits::AGENT_KILL_AFTER);
    let all: Vec<_> = stage.heard.try_iter().collect();
    for (run_id, text) in [("a", "up"), ("b", "up"), ("c", "")] {
        let end = (run_id.to_owned(), Heard::End(aborted("shutdown", text)));
        assert_eq!(all.iter().filter(|heard| **heard == end).count(), 1, "{all:?}");
    }
    for pid in ["a", "b", "child-a", "child-b"] {
        stage.wait_gone(pid);
    }
}

#[test]
fn dropping_the_agents_kills_their_programs() {
    let stage = Stage::new("trap '' TERM; echo $$ > pid; echo up; sleep 1000");
    stage.start("r", "main");
    stage.hear("up");
    let Stage { agents, sender, heard, dir } = stage;
    drop(agents);
    assert_eq!(heard.recv_timeout(DEADLINE).unwrap().1, Heard::End(aborted("shutdown", "up")));
    let agents = Agents::new(AgentConfig::default(), AgentHost::default());
    Stage { agents, sender, heard, dir }.wait_gone("pid");
}
