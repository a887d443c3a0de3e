//! End to end: the real program, real sockets, real files. One module for each chapter of what a
//! bridge does; `support` has the daemon, the phones and the operators they are made of.
//!
//! Every wait has a deadline, and nothing sleeps to let something else happen: a test waits for
//! what it wants to see. Tokens that phones are given are looked for in everything that is
//! logged or printed, whatever the test is about (`support::secrets`).

// In tests, a wrong assumption shall end the test, and a failed one tells what it knows.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

mod ch01_hello;
mod ch02_kill;
mod ch02_pairing;
mod ch02_stale;
mod ch02_watch;
mod ch03_rpc;
mod ch04_invoke;
mod ch05_lenient;
mod ch06_limits;
mod ch06_log;
mod ch06_memory;
mod ch06_neighbours;
mod ch07_takeover;
mod ch08_certificate;
mod ch08_node;
mod ch08_tls;
mod ch09_private;
mod ch09_restart;
mod ch09_stop;
mod ch10_addresses;
mod ch10_discovery;
mod ch10_dns;
mod ch10_zone;
mod ch11_promptness;
mod ch12_call;
mod ch12_cli;
mod ch12_completion;
mod ch12_legacy_json;
mod ch12_setup;
mod ch13_agents;
mod ch13_chat;
mod ch14_sessions;
mod ch15_settings;
mod ch16_events;
mod ch16_spellings;
mod ch17_import;
mod ch18_media;
mod ch18_node_commands;
mod ch18_screen;
mod ch19_allowlist;
mod ch19_approvals;
mod ch19_node_host;
mod ch20_library;
mod ch21_readme;
mod ch22_faults;
mod ch22_power_cut;
mod ch23_soak;
mod ch24_canvas;
mod ch24_canvas_limits;
mod ch25_agent_examples;
mod ch25_agent_nodes;
mod ch25_tools;
mod ch26_gateway;
mod ch26_microcontroller;
mod ch26_mock;
mod ch26_nodes;
mod ch26_remote;
mod ch26_restart;
mod ch27_gateway_node;
