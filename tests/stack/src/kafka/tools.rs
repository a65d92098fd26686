//! The broker's own tools, as an operator runs them.

use anyhow::Context;

use super::Kafka;

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

impl Kafka {
    /// Moves what a group has committed, by `kafka-consumer-groups --reset-offsets`. The group must have no members.
    pub async fn alter_offset(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> anyhow::Result<()> {
        let place = format!("{topic}:{partition}");
        let offset = offset.to_string();
        let arguments = ["--group", group, "--topic", &place, "--to-offset", &offset];
        let order = ["--reset-offsets", "--execute"];
        self.tool(GROUPS, &[&arguments[..], &order].concat())
            .await
            .map(drop)
    }

    /// Runs a class of the jars; returns what it wrote.
    async fn tool(&self, class: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = tokio::process::Command::new(&self.java)
            .args(["-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(&self.jars)
            .args([class, "--bootstrap-server", &self.brokers()])
            .args(arguments)
            .output()
            .await
            .context("cannot run java")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        anyhow::ensure!(
            output.status.success() && !said.contains("Error:"),
            "{class} {arguments:?}: {said}{errors}"
        );
        Ok(said)
    }
}
