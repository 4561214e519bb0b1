//! What happens in the demo: acts of bounded traffic, each under a caption.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use netpol_testkit::Cluster;
use netpol_testkit::traffic::{TcpAttempt, UdpAttempt};

use super::topology::{ARTIFACTS, ARTIFACTS6, SILENT};

/// How long an attempt that nobody answers goes on: long enough for one SYN to be sent again.
const PATIENCE: Duration = Duration::from_millis(1300);

/// The demo's clock: pauses that Ctrl-C ends.
pub(super) struct Stage<'a> {
    pub(super) speed: f64,
    pub(super) stop: &'a AtomicBool,
}

/// One act.
pub(super) struct Act {
    pub(super) caption: &'static str,
    pub(super) play: fn(&Cluster, &Stage) -> Result<()>,
}

/// In the order they are played.
pub(super) const ACTS: [Act; 5] = [
    Act {
        caption: "a build stores its artifacts, production uses them",
        play: everyday,
    },
    Act {
        caption: "a build tries the production database",
        play: database,
    },
    Act {
        caption: "a build tries production itself, where the firewall forgot IPv6",
        play: production,
    },
    Act {
        caption: "not every failure is a policy: nobody listens, nobody answers",
        play: no_policy,
    },
    Act {
        caption: "allowed by policy, dropped by a rule that somebody forgot",
        play: forgotten,
    },
];

impl Stage<'_> {
    /// True once the demo is to end.
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Lets what was just shown sink in; `seconds` at speed 1.
    pub(super) fn pause(&self, seconds: f64) {
        let end = Instant::now() + Duration::from_secs_f64(seconds / self.speed);
        while Instant::now() < end && !self.is_over() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn tcp(&self, cluster: &Cluster, from: &str, to: impl Into<SocketAddr>) -> Result<()> {
        if !self.is_over() {
            let attempt = TcpAttempt::to(to.into()).timeout(PATIENCE);
            attempt.exchange_from(cluster.pod(from).netns(), b"PUT /build/42 HTTP/1.1\r\n\r\n")?;
            self.pause(0.4);
        }
        Ok(())
    }

    fn udp(&self, cluster: &Cluster, from: &str, to: SocketAddr) -> Result<()> {
        if !self.is_over() {
            let attempt = UdpAttempt::to(to).timeout(Duration::from_millis(500));
            attempt.exchange_from(cluster.pod(from).netns(), b"builds:1|c")?;
            self.pause(0.4);
        }
        Ok(())
    }
}

fn everyday(cluster: &Cluster, stage: &Stage) -> Result<()> {
    let artifacts = cluster.pod("data/artifacts");
    stage.tcp(cluster, "ci/runner", ARTIFACTS)?;
    stage.tcp(cluster, "ci/runner", ARTIFACTS6)?;
    stage.udp(cluster, "ci/lint", artifacts.at(8125))?;
    stage.tcp(cluster, "prod/web", ARTIFACTS)?;
    stage.tcp(cluster, "prod/web", cluster.pod("data/postgres").at(5432))
}

fn database(cluster: &Cluster, stage: &Stage) -> Result<()> {
    let postgres = cluster.pod("data/postgres");
    stage.tcp(cluster, "ci/runner", postgres.at(5432))?;
    stage.tcp(cluster, "ci/lint", postgres.at6(5432))?;
    stage.udp(cluster, "ci/runner", postgres.at(5432))
}

fn production(cluster: &Cluster, stage: &Stage) -> Result<()> {
    let web = cluster.pod("prod/web");
    stage.tcp(cluster, "ci/lint", web.at(80))?;
    stage.tcp(cluster, "ci/lint", web.at6(80))
}

fn no_policy(cluster: &Cluster, stage: &Stage) -> Result<()> {
    let artifacts = cluster.pod("data/artifacts");
    stage.tcp(cluster, "ci/runner", artifacts.at(8081))?;
    stage.udp(cluster, "ci/lint", artifacts.at(8126))?;
    stage.tcp(cluster, "prod/web", SILENT)
}

fn forgotten(cluster: &Cluster, stage: &Stage) -> Result<()> {
    stage.tcp(cluster, "prod/web", cluster.pod("data/postgres").at6(5432))
}
