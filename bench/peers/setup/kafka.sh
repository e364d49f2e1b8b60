#!/usr/bin/env bash
# Apache Kafka: one broker of the published jars, its own controller (KRaft), as its documentation sets up
# a single node.
# shellcheck source=bench/peers/setup/lib.sh
source "$(dirname "$(readlink -f "$0")")/lib.sh"

version=4.1.1
home=${KAFKA_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/tidemark-bench/kafka-$version}

install() {
  apt_install maven openjdk-17-jre-headless librdkafka-dev
  mkdir -p "$home"
  cat >"$home/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.tidemark</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
END
  mvn --quiet --batch-mode --file "$home/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$home/libs"
}

check() { command -v java >/dev/null && [[ -e $home/libs/kafka_2.13-$version.jar ]]; }

serve() {
  local flush=
  # By default Kafka leaves syncing to the kernel; one message at a time is its only way to sync before
  # it confirms (it syncs once for what a request brings).
  [[ $3 != fsync ]] || flush="log.flush.interval.messages=1"
  cat >"$1/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($2 + 1))
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(($2 + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$2
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$1/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.partitions=1
$flush
END
  cat >"$1/log4j2.yaml" <<END
Configuration:
  Appenders:
    Console: { name: STDOUT, PatternLayout: { pattern: "%d %p %m%n" } }
  Loggers:
    Root: { level: WARN, AppenderRef: [ { ref: STDOUT } ] }
END
  # Heap and collector as Kafka's own start script sets them.
  local -a java=(java -Xms1g -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20
    -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true
    "-Dlog4j2.configurationFile=$1/log4j2.yaml" -cp "$home/libs/*")
  "${java[@]}" kafka.tools.StorageTool format --cluster-id dGlkZW1hcmstYmVuY2gtMQ \
    --config "$1/server.properties" >format.log 2>&1 || die "format failed: $(tail -n 5 format.log)"
  exec "${java[@]}" kafka.Kafka "$1/server.properties"
}

main install check serve "$@"
