//! A network of its own for a comparison: nothing else runs there, and it is gone with the last process in it.
//!
//! Servers that skip loopback interfaces need an address on another one. The program runs itself again through
//! `unshare` in a new network namespace (as root, or in a user namespace where the system lets everybody make one), on
//! the cores that are the generator's.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::process::find_program;

/// The address all servers and participants have in the network.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));

/// What `ip` is told, in order.
const SETUP: [&str; 5] = [
    "link set lo up",
    "link add conclave0 type veth peer name conclave1",
    "addr add 10.99.0.1/24 dev conclave0",
    "link set conclave0 up",
    "link set conclave1 up",
];

/// Becomes the same program with `extra` arguments on the given cores, and in a network of its own if that is wanted.
/// Returns only when that cannot be done, with the reason.
pub fn enter(cores: &str, own_network: bool, extra: &[String]) -> String {
    for program in ["unshare", "taskset", "setpriv", "ip"] {
        if find_program(program).is_none() {
            return format!("there is no `{program}` here (Debian: apt-get install util-linux iproute2)");
        }
    }
    let way = if own_network {
        usable_unshare()
    } else {
        Some(&[][..])
    };
    let Some(way) = way else {
        return "making a network namespace needs root here".to_owned();
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    let error = Command::new("unshare")
        .args(way)
        .args(["taskset", "--cpu-list", cores])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .args(extra)
        .exec();
    format!("unshare: {error}")
}

/// Sets up the network this process has entered.
pub fn set_up() -> Result<(), String> {
    for line in SETUP {
        let output = Command::new("ip")
            .args(line.split(' '))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("ip: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("ip {line}: {}", said.trim()));
        }
    }
    Ok(())
}

/// The arguments of `unshare` that work for this user, if any do.
fn usable_unshare() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [&["--net"], &["--map-root-user", "--net"]];
    WAYS.into_iter().find(|way| {
        let tried = Command::new("unshare")
            .args(*way)
            .arg("true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}
