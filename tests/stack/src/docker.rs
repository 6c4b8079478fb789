//! The way from Docker's containers to this cloud, which listens on this machine alone: connections to the
//! address by which containers know the machine are handed on. `sam local invoke` runs functions in
//! containers.
//!
//! Owns that address. Refuses to know the content of the connections.

use std::io::ErrorKind;
use std::net::Ipv4Addr;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;

/// The machine's name in containers: Docker Desktop's own, which elsewhere `--add-host` sets.
pub const HOST: &str = "host.docker.internal";
/// More connections than the functions open that one person invokes.
const CONNECTIONS_MAX: usize = 256;

/// Hands on containers' connections to these ports.
pub async fn reach(
    ports: &[u16],
    token: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<(), Error> {
    let address = gateway().await?;
    for port in ports.iter().copied() {
        let listener = match TcpListener::bind((address, port)).await {
            Ok(listener) => listener,
            // On Docker Desktop, containers run in another machine and reach this one without help.
            Err(problem) if problem.kind() == ErrorKind::AddrNotAvailable => return Ok(()),
            Err(problem) => {
                return Err(Error::new(format!(
                    "cannot listen on {address}:{port}: {problem}"
                )));
            }
        };
        tasks.spawn(hand_on(listener, port, token.clone()));
    }
    Ok(())
}

/// The machine's address on the containers' network: that of the gateway, by default the subnet's first.
async fn gateway() -> Result<Ipv4Addr, Error> {
    let asked = Command::new("docker")
        .args(["network", "inspect", "bridge", "--format"])
        .arg("{{with index .IPAM.Config 0}}{{.Gateway}} {{.Subnet}}{{end}}")
        .output()
        .await
        .map_err(|problem| Error::new(format!("--docker needs docker: {problem}")))?;
    let told = String::from_utf8_lossy(&asked.stdout);
    let (gateway, subnet) = told.trim_end().split_once(' ').unwrap_or_default();
    let first = || {
        let (network, _) = subnet.split_once('/')?;
        let network: Ipv4Addr = network.parse().ok()?;
        Some(Ipv4Addr::from(u32::from(network) + 1))
    };
    gateway.parse().ok().or_else(first).ok_or_else(|| {
        let problem = String::from_utf8_lossy(&asked.stderr);
        Error::new(format!("docker does not answer: {}", problem.trim()))
    })
}

async fn hand_on(listener: TcpListener, port: u16, token: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(join(stream, port));
                }
            }
            Some(_ended) = connections.join_next() => {}
            () = token.cancelled() => return,
        }
    }
}

/// Joins one connection to the port; both of its ends notice how it ends.
async fn join(mut outside: TcpStream, port: u16) {
    if let Ok(mut inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
    }
}
