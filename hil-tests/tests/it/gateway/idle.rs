//! Does the comparison with gpsd compare two programs that both work?

use hil_tests::gateway;
use hil_tests::idle::compare;
use serde_json::Value;

#[test]
fn agent_and_gpsd_both_understand_the_receiver_whose_cost_is_compared() {
    const SECONDS: usize = 5;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let binary = gateway::binary().expect("the agent's binary");
    let compared = compare(&binary, dir.path(), SECONDS).expect("both run");
    assert!(compared.fixes >= SECONDS as u64 && compared.reports >= SECONDS as u64, "{compared:?}");
    let line = compared.last_line();
    let told: Value = serde_json::from_str(line.strip_prefix("IDLE ").expect("its name")).expect("JSON");
    for process in ["gatestamp", "gpsd", "gpsd_without_client"] {
        for cost in ["cpu_ms_per_s", "switches_per_s", "rss_kb", "pss_kb"] {
            assert!(told[process][cost].as_f64() > Some(0.0), "{process} {cost}: {line}");
        }
    }
}
