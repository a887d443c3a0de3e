//! The file on a disk: what is believed, what is refused, what is kept.

use super::*;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use tempfile::TempDir;

fn file(content: &str, may_widen: bool) -> (TempDir, Approvals) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exec-approvals.json");
    if !content.is_empty() {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let approvals = Approvals::new(path, OwnerPolicy::default(), may_widen);
    (dir, approvals)
}

const LISTED: &str = r#"{"version":1,"mine":[1],"socket":{"path":"/s","token":"s3cret","x":1},
    "agents":{"main":{"security":"allowlist","allowlist":[{"pattern":"/bin/ls","id":"a"}]}}}"#;

fn ls() -> Found {
    Found { path: "/bin/ls".into(), is_in_search_path: true }
}

#[test]
fn without_a_file_nothing_may_run() {
    let (_dir, approvals) = file("", false);
    assert_eq!(approvals.rules(None).unwrap().security, Security::Deny);
    assert_eq!(approvals.most(), Ok(Security::Deny));
    let shown = approvals.get().unwrap();
    assert!(!shown.exists);
    assert_eq!(shown.file, json!({ "version": 1, "agents": {} }));
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(shown.hash, nothing);
}

#[test]
fn a_file_that_cannot_be_trusted_denies_everything() {
    for damaged in [
        "{",
        "[]",
        "null",
        "\u{1}",
        r#"{"agents":{}}"#,
        r#"{"version":2}"#,
        r#"{"version":1,"defaults":{"security":"fulll"}}"#,
        r#"{"version":1,"defaults":{"ask":"never"}}"#,
        r#"{"version":1,"agents":[]}"#,
        r#"{"version":1,"agents":{"main":5}}"#,
        r#"{"version":1,"agents":{"main":{"allowlist":["ls"]}}}"#,
        r#"{"version":1,"defaults":{"allowlist":{"pattern":"ls"}}}"#,
        r#"{"version":1,"agents":{"main":{"autoAllowSkills":"yes"}}}"#,
        r#"{"version":1,"socket":{"token":"s3cret"}, oops"#,
    ] {
        let (dir, approvals) = file(damaged, true);
        let why = approvals.rules(None).unwrap_err();
        assert!(why.contains("exec-approvals.json") && !why.contains("s3cret"), "{why}");
        assert!(approvals.most().is_err() && approvals.get().is_err());
        let hash = to_hex(&sha256(damaged.as_bytes()));
        assert!(approvals.replace(json!({ "version": 1 }), Some(&hash)).is_err());
        let kept = fs::read_to_string(dir.path().join("exec-approvals.json")).unwrap();
        assert_eq!(kept, damaged, "left as it is");
    }
}

#[test]
fn a_file_that_somebody_else_could_have_made_denies_everything() {
    let (dir, approvals) = file(r#"{"version":1,"defaults":{"security":"full"}}"#, true);
    assert_eq!(approvals.most(), Ok(Security::Full));
    let path = dir.path().join("exec-approvals.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
    assert!(approvals.rules(None).unwrap_err().contains("others can change"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let open = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    open(0o777);
    assert!(approvals.rules(None).unwrap_err().contains("others can change"));
    open(0o1777);
    assert!(approvals.rules(None).is_ok(), "as in /tmp, nobody can replace it");
    open(0o700);
    fs::rename(&path, dir.path().join("other")).unwrap();
    symlink(dir.path().join("other"), &path).unwrap();
    assert!(approvals.rules(None).unwrap_err().contains("symbolic link"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(approvals.rules(None).unwrap_err().contains("not a regular file"));
    fs::remove_dir(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert!(approvals.rules(None).unwrap_err().contains("not a regular file"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, " ".repeat(limits::APPROVALS_BYTES + 1)).unwrap();
    assert!(approvals.rules(None).unwrap_err().contains("larger than 256 KiB"));
}

#[test]
fn the_closest_setting_counts_and_never_more_than_the_owner_allows() {
    let content = r#"{"version":1,"defaults":{"security":"deny","askFallback":"full"},"agents":{
        "*":{"security":"allowlist","allowlist":[{"pattern":"/bin/a"}]},
        "default":{"ask":"always"},
        "free":{"security":"full","allowlist":[{"pattern":"/bin/b"}]}}}"#;
    let (_dir, mut approvals) = file(content, false);
    let seen = |approvals: &Approvals, agent| {
        let rules = approvals.rules(agent).unwrap();
        let list: Vec<String> = rules.allowlist.iter().map(|p| p.as_str().to_owned()).collect();
        (rules.security, format!("{:?}", rules.ask), rules.ask_fallback, list.join(" "))
    };
    let main = (Security::Allowlist, "Always".into(), Security::Full, "/bin/a".into());
    assert_eq!(seen(&approvals, None), main);
    assert_eq!(seen(&approvals, Some(" main ")), main);
    let free = (Security::Full, "Off".into(), Security::Full, "/bin/b /bin/a".into());
    assert_eq!(seen(&approvals, Some("free")), free);
    assert_eq!(approvals.most(), Ok(Security::Full));
    let allow = vec![Pattern::new("git", None).unwrap()];
    approvals.owner =
        OwnerPolicy { security: Some(Security::Allowlist), allow, ..OwnerPolicy::default() };
    let held = (Security::Allowlist, "Off".into(), Security::Allowlist, "git /bin/b /bin/a".into());
    assert_eq!(seen(&approvals, Some("free")), held);
    assert_eq!(approvals.most(), Ok(Security::Allowlist));
    approvals.owner.security = Some(Security::Deny);
    assert_eq!(approvals.most(), Ok(Security::Deny));
}

#[test]
fn a_complete_list_is_not_extended_by_the_file_but_narrowed() {
    let content = r#"{"version":1,"defaults":{"security":"full","autoAllowSkills":true,
        "allowlist":[{"pattern":"**"}]},"agents":{"held":{"security":"deny"}}}"#;
    let (_dir, mut approvals) = file(content, false);
    let allow = vec![Pattern::new("sed", None).unwrap()];
    let security = Some(Security::Allowlist);
    approvals.owner = OwnerPolicy { security, allow, allow_only: true, ..OwnerPolicy::default() };
    let rules = approvals.rules(None).unwrap();
    assert_eq!((rules.effect(), rules.auto_allow_skills), (Security::Allowlist, false));
    assert!(!rules.lists(Some(&ls()), &["ls".to_owned()].into()));
    let sed = Found { path: "/usr/bin/sed".into(), is_in_search_path: true };
    assert!(rules.lists(Some(&sed), &BTreeSet::default()));
    assert_eq!(approvals.rules(Some("held")).unwrap().effect(), Security::Deny);
}

#[test]
fn a_change_has_to_know_what_it_changes() {
    let (dir, approvals) = file(LISTED, true);
    let hash = approvals.get().unwrap().hash;
    let wanted = json!({ "version": 1, "defaults": { "security": "full" }, "theirs": true });
    let refused = |base: Option<&str>| {
        let error = approvals.replace(wanted.clone(), base).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
        error.message.into_owned()
    };
    assert_eq!(refused(None), "exec approvals base hash required; reload and retry");
    assert_eq!(refused(Some(" ")), "exec approvals base hash required; reload and retry");
    assert_eq!(refused(Some("00")), "exec approvals changed; reload and retry");
    let answer = approvals.replace(wanted, Some(&hash)).unwrap();
    assert_eq!((answer.exists, &answer.file["theirs"]), (true, &json!(true)));
    assert_ne!(answer.hash, hash);
    let path = dir.path().join("exec-approvals.json");
    let stored = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(stored.contains("s3cret"), "the socket is kept: {stored}");
    assert_eq!(approvals.get().unwrap(), answer);
    assert!(!answer.file.to_string().contains("s3cret"), "and its token never shown");
    assert_eq!(answer.file["socket"], json!({ "path": "/s", "x": 1 }));
}

#[test]
fn the_gateway_may_take_rights_away_and_not_give_itself_any() {
    let (dir, approvals) = file(LISTED, false);
    let before = fs::read_to_string(dir.path().join("exec-approvals.json")).unwrap();
    let hash = approvals.get().unwrap().hash;
    let more = json!({ "version": 1, "agents": { "main": { "security": "full" } } });
    let error = approvals.replace(more, Some(&hash)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert!(error.message.contains("--remote-approvals"), "{error}");
    assert_eq!(fs::read_to_string(dir.path().join("exec-approvals.json")).unwrap(), before);
    let socket = json!({ "path": "/evil", "token": "theirs" });
    let narrower = json!({ "version": 1, "socket": socket, "defaults": { "security": "deny" } });
    let answer = approvals.replace(narrower, Some(&hash)).unwrap();
    assert_eq!(answer.file["socket"]["path"], "/s", "the socket is the owner's");
    assert_eq!(approvals.most(), Ok(Security::Deny));
}

#[test]
fn a_content_that_is_wrong_or_too_large_is_refused() {
    let (_dir, approvals) = file("", true);
    for wrong in [json!(null), json!([]), json!({ "version": "1" })] {
        let error = approvals.replace(wrong, None).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
    }
    let list: Vec<Value> = (0..2000).map(|i| json!({ "pattern": format!("/{i}") })).collect();
    let many = json!({ "version": 1, "agents": { "*": { "allowlist": list } } });
    assert_eq!(approvals.replace(many, None).unwrap_err().code, ErrorCode::InvalidRequest);
    let agents: Value = (0..100).map(|i| (i.to_string(), json!({}))).collect();
    let crowd = json!({ "version": 1, "agents": agents });
    assert_eq!(approvals.replace(crowd, None).unwrap_err().code, ErrorCode::InvalidRequest);
    let large = json!({ "version": 1, "x": "y".repeat(limits::APPROVALS_BYTES) });
    assert_eq!(approvals.replace(large, None).unwrap_err().code, ErrorCode::Unavailable);
    assert!(!approvals.get().unwrap().exists);
}

#[test]
fn the_worst_change_is_judged_in_a_moment() {
    let long = "a".repeat(limits::APPROVALS_BYTES / limits::APPROVALS_PATTERNS - 60);
    let list = (0..limits::APPROVALS_PATTERNS).map(|i| json!({ "pattern": format!("/{i}{long}") }));
    let list: Vec<Value> = list.collect();
    let mut agents: serde_json::Map<String, Value> =
        (1..limits::APPROVALS_AGENTS).map(|i| (i.to_string(), json!({}))).collect();
    agents.insert("*".into(), json!({ "allowlist": list, "security": "allowlist" }));
    let mut content = json!({ "version": 1, "agents": agents });
    let (_dir, approvals) = file(&content.to_string(), false);
    let hash = approvals.get().unwrap().hash;
    content["agents"]["*"]["security"] = json!("deny");
    let began = Instant::now();
    approvals.replace(content, Some(&hash)).unwrap();
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn a_disk_that_takes_nothing_changes_nothing() {
    let (dir, approvals) = file(LISTED, true);
    let hash = approvals.get().unwrap().hash;
    fs::create_dir(dir.path().join("exec-approvals.json.tmp")).unwrap();
    let error = approvals.replace(json!({ "version": 1 }), Some(&hash)).unwrap_err();
    assert!(error.message.contains("could not be saved"), "{error}");
    assert_eq!(approvals.get().unwrap().hash, hash);
}

#[test]
fn what_the_owner_writes_meanwhile_stays() {
    let (dir, approvals) = file(LISTED, true);
    let Snapshot { document, hash, .. } = approvals.read().unwrap();
    let path = dir.path().join("exec-approvals.json");
    let denied = r#"{"version":1,"defaults":{"security":"deny"}}"#;
    fs::write(&path, denied).unwrap();
    assert!(approvals.write(&document, &hash).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), denied);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn uses_are_noted_but_seldom() {
    let (_dir, approvals) = file(LISTED, false);
    approvals.note_use(None, &ls(), "ls -l");
    let shown = approvals.get().unwrap();
    let entry = &shown.file["agents"]["main"]["allowlist"][0];
    assert_eq!((&entry["lastUsedCommand"], &entry["id"]), (&json!("ls -l"), &json!("a")));
    assert_eq!(entry["lastResolvedPath"], "/bin/ls");
    assert!(entry["lastUsedAt"].as_u64().unwrap() > 1_600_000_000_000);
    approvals.note_use(None, &ls(), "ls -a");
    assert_eq!(approvals.get().unwrap(), shown, "not twice in a minute");
}
