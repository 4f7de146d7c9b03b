//! What a team decides holds, whatever comes.

use super::*;

fn versioned(n: u32, time: Nanos, version: &str) -> Witness {
    Witness { version: version.into(), ..item(n, time) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_resolved_comes_back_regressed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, now) = timed(dir.path()).await;
    let status = async || {
        store.settle_errors().await;
        let group = group(&store, 1).await;
        (group.status.as_str(), group.mark)
    };
    let mut n = 0;
    let mut again = async |version: &str| {
        n += 1;
        let at = now.fetch_add(10 * SECOND, Ordering::Relaxed) + 10 * SECOND;
        send(&store, vec![versioned(n, at, version)]).await;
    };
    again("1.9.0").await;
    assert_eq!(status().await, ("active", Some(Mark::New)));
    act(&store, 1, TriageAction::Resolve { version: None, next_deploy: false }).await;
    assert_eq!(status().await, ("resolved", None));
    // It happened before that.
    send(&store, vec![versioned(100, NOON - HOUR, "1.9.0")]).await;
    assert_eq!(status().await.0, "resolved");
    again("1.9.0").await;
    assert_eq!(status().await, ("active", Some(Mark::Regressed)));

    act(&store, 1, TriageAction::Resolve { version: Some("1.10.0".into()), next_deploy: false }).await;
    again("1.9.0").await;
    assert_eq!(status().await.0, "resolved", "an older version");
    again("1.10.0").await;
    assert_eq!(status().await, ("active", Some(Mark::Regressed)));

    act(&store, 1, TriageAction::Resolve { version: None, next_deploy: true }).await;
    again("1.10.0").await;
    assert_eq!(status().await.0, "resolved", "nothing was deployed");
    let deploy = Deploy {
        id: 0,
        project: "shop-key".into(),
        environment: "production".into(),
        revision: "1.11.0".into(),
        user: "ann".into(),
        comment: String::new(),
        status: "started".into(),
        started: now.load(Ordering::Relaxed) + SECOND,
        finished: None,
    };
    let id = store.add_deploy(deploy.clone()).await.unwrap();
    assert_eq!(store.end_deploy(id, "succeeded", NOON).await.unwrap().status, "succeeded");
    assert_eq!(store.deploys(&Ask::now(), Range::ALL).await.unwrap().len(), 1);
    assert_eq!(store.end_deploy(7, "failed", NOON).await, Err(Problem::NotFound("deploy")));
    again("1.11.0").await;
    assert_eq!(status().await, ("active", Some(Mark::Regressed)));

    act(&store, 1, TriageAction::Mute).await;
    again("1.11.0").await;
    assert_eq!(status().await, ("muted", None));
    act(&store, 1, TriageAction::Reopen).await;
    assert_eq!(status().await, ("active", None));
    let history = store.error(&Ask::now(), 1).await.unwrap().history;
    let whats: Vec<String> = history.iter().rev().map(|row| format!("{}:{}", row.actor, row.what)).collect();
    assert_eq!(
        whats,
        [
            "ann:resolved it",
            ":saw it again in version 1.9.0",
            "ann:resolved it in version 1.10.0",
            ":saw it again in version 1.10.0",
            "ann:resolved it in the next deploy",
            ":saw it again in version 1.11.0",
            "ann:muted it",
            "ann:reopened it"
        ]
    );
    assert_eq!(group(&store, 1).await.count, 8);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snooze_ends_by_time_or_by_count() {
    let dir = tempfile::tempdir().unwrap();
    let (store, now) = timed(dir.path()).await;
    send(&store, vec![item(1, NOON)]).await;
    store.settle_errors().await;
    act(&store, 1, TriageAction::Snooze { until: None, more: Some(2) }).await;
    send(&store, vec![item(2, NOON)]).await;
    store.settle_errors().await;
    assert_eq!(group(&store, 1).await.status, ErrorStatus::Snoozed { until: None, count: Some(3) });
    send(&store, vec![item(3, NOON)]).await;
    store.settle_errors().await;
    assert_eq!(group(&store, 1).await.status, ErrorStatus::Active);
    act(&store, 1, TriageAction::Snooze { until: Some(NOON + HOUR), more: None }).await;
    send(&store, vec![item(4, NOON)]).await;
    store.settle_errors().await;
    assert_eq!(group(&store, 1).await.status.as_str(), "snoozed");
    now.store(NOON + HOUR, Ordering::Relaxed);
    store.settle_errors().await;
    assert_eq!(group(&store, 1).await.status, ErrorStatus::Active);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merged_groups_count_as_one_and_can_be_taken_apart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let other = |n: u32, time: Nanos| Witness {
        data: data("KeyError", "'x'", "basket", serde_json::json!({"uuid": format!("uuid-{n}")})),
        ..item(n, time)
    };
    send(&store, vec![item(1, NOON), item(2, NOON), other(10, NOON - HOUR)]).await;
    store.settle_errors().await;
    store.merge_errors("ann", 1, &[2, 1]).await.unwrap();
    send(&store, vec![other(11, NOON)]).await;
    store.settle_errors().await;
    assert_eq!(census(&store).await, (1, 4, 4));
    let merged = group(&store, 2).await;
    assert_eq!((merged.number, merged.members.as_slice(), merged.first_seen, merged.people), (1, &[2][..], NOON - HOUR, 2));
    store.unmerge_error("ann", 2).await.unwrap();
    assert_eq!(census(&store).await, (2, 4, 4));
    assert_eq!((group(&store, 1).await.count, group(&store, 2).await.count), (2, 2));
    assert_eq!((group(&store, 1).await.people, group(&store, 2).await.people), (2, 2));
    assert_eq!(store.unmerge_error("ann", 2).await, Err(Problem::NotFound("error")));
    assert_eq!(store.merge_errors("ann", 1, &[77]).await, Err(Problem::NotFound("error")));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snoozes_end_while_errors_keep_coming() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = timed(dir.path()).await;
    send(&store, vec![item(1, NOON)]).await;
    store.settle_errors().await;
    act(&store, 1, TriageAction::Snooze { until: Some(NOON + SECOND), more: None }).await;
    clock.store(NOON + 2 * SECOND, Ordering::Relaxed);
    for n in 2.. {
        // Of another group, faster than the task would find a quiet second.
        let other = Witness { data: data("Other", "m", "other", serde_json::json!({"uuid": format!("uuid-{n}")})), ..item(n, NOON) };
        send(&store, vec![other]).await;
        if group(&store, 1).await.status == ErrorStatus::Active {
            break;
        }
        assert!(n < 200, "it still sleeps");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.close().await;
}
