//! Processes: the suite started again for one part, and what `/proc` says of this one.

use crate::options::Plan;
use crate::record::Record;
use anyhow::Context;
use std::process::{Command, Stdio};

/// Runs a part in a process of its own; what it prints on standard error is shown.
pub fn part(name: &str, plan: &Plan) -> anyhow::Result<Record> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--part", name, "--size", plan.size.name()]).stdin(Stdio::null());
    if !plan.only.is_empty() {
        command.args(["--only", &plan.only.join(",")]);
    }
    let output = command.stderr(Stdio::inherit()).output().context("start the part's process")?;
    anyhow::ensure!(output.status.success(), "part {name} ended with {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().context("the part printed nothing")?;
    Ok(serde_json::from_str(last)?)
}

/// The resident bytes of this process, now.
pub fn resident_bytes() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmRSS")?;
    Ok(kib.trim().parse::<f64>()? * 1_024.0)
}

/// How long the threads of this name have run on a processor, in nanoseconds.
pub fn thread_cpu_ns(name: &str) -> anyhow::Result<f64> {
    let mut total = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        // A thread may end while it is looked at.
        let Ok(comm) = std::fs::read_to_string(task.join("comm")) else { continue };
        let Ok(stat) = std::fs::read_to_string(task.join("schedstat")) else { continue };
        if comm.trim() == name {
            let on_cpu = stat.split_whitespace().next().context("no schedstat")?;
            total += on_cpu.parse::<f64>()?;
        }
    }
    Ok(total)
}

/// How long another process has run on a processor, in seconds.
pub fn process_cpu_s(pid: i32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let on_cpu_ns = stat.split_whitespace().next().context("no schedstat")?;
    Ok(on_cpu_ns.parse::<f64>()? / 1e9)
}
