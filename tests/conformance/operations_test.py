"""What an operator or a new client asks first: info, settings, health, reflection."""

import grpc
from google.protobuf import descriptor_pb2

from support.case import ServerCase, main
from support.server import wait_until
from support.standard import (NOT_SERVING, SERVICE_UNKNOWN, SERVING, Health, HealthCheckRequest,
                              Reflection)
from support.stubs import pb, rpc


class Operations(ServerCase):

    FLAGS = ("--key-bytes-max", "2000", "--heartbeat-interval", "3s")

    def info(self):
        return self.server.operations.GetServerInfo(pb.GetServerInfoRequest())

    def test_server_info(self):
        info = self.info()
        self.assertRegex(info.version, r"^\d+\.\d+\.\d+")
        self.assertTrue(info.store_id)
        self.assertGreaterEqual(info.time.ToNanoseconds(), info.start_time.ToNanoseconds())
        self.assertEqual(info.limits.key_bytes_max, 2000)
        self.assertEqual((info.limits.event_bytes_max, info.limits.request_bytes_max),
                         (1 << 20, 4 << 20))
        for field, value in info.limits.ListFields():
            self.assertGreater(value, 0, field.name)
        self.assertEqual(len(info.limits.ListFields()), len(info.limits.DESCRIPTOR.fields))
        self.assertEqual(list(info.features), sorted(set(info.features)))
        self.assertIn("consume.partition_ordered", info.features)

    def test_store_id_stays_and_start_time_moves(self):
        before = self.info()
        self.server.restart()
        after = self.info()
        self.assertEqual(after.store_id, before.store_id)
        self.assertGreater(after.start_time.ToNanoseconds(), before.start_time.ToNanoseconds())

    def test_config_tells_value_and_source(self):
        settings = {s.name: s for s in
                    self.server.operations.GetConfig(pb.GetConfigRequest()).settings}
        self.assertEqual(list(settings), sorted(settings))
        interval = settings["heartbeat_interval"]
        self.assertEqual((interval.value, interval.source), ("3s", pb.CONFIG_SOURCE_FLAG))
        self.assertEqual(settings["streams_max"].source, pb.CONFIG_SOURCE_DEFAULT)
        self.assertTrue(all(s.description and s.source for s in settings.values()))

    def test_health_check_and_watch(self):
        health = Health(self.server.channel)
        self.assertEqual(health.Check(HealthCheckRequest()).status, SERVING)
        watch = health.Watch(HealthCheckRequest(), timeout=20)
        self.assertEqual(next(watch).status, SERVING)
        self.server.terminate()
        self.assertEqual(next(watch).status, NOT_SERVING)
        watch.cancel()
        self.assertEqual(self.server.stop(), 0)
        self.server.start()

    def test_health_of_each_service(self):
        health = Health(self.server.channel)
        for service in rpc.descriptors:
            status = health.Check(HealthCheckRequest(service=service)).status
            self.assertEqual(status, SERVING, service)

    def test_health_of_an_unknown_service(self):
        health = Health(self.server.channel)
        request = HealthCheckRequest(service="tidemark.v1.Nothing")
        with self.assertRaises(grpc.RpcError) as refused:
            health.Check(request)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)
        watch = health.Watch(request, timeout=20)
        self.addCleanup(watch.cancel)
        self.assertEqual(next(watch).status, SERVICE_UNKNOWN)

    def test_reflection_lists_and_describes_the_services(self):
        reflection = Reflection(self.server.channel)
        listed = reflection.ask(list_services="*").list_services_response.service
        names = {service.name for service in listed}
        self.assertLessEqual({*rpc.descriptors, "grpc.health.v1.Health"}, names)
        for name, service in rpc.descriptors.items():
            answer = reflection.ask(file_containing_symbol=name).file_descriptor_response
            files = [descriptor_pb2.FileDescriptorProto.FromString(f)
                     for f in answer.file_descriptor_proto]
            described = [s for f in files for s in f.service if f"{f.package}.{s.name}" == name]
            self.assertEqual([m.name for m in described[0].method],
                             [m.name for m in service.methods])

    def test_unknown_method_and_service(self):
        for path in ("/tidemark.v1.EventStore/NoSuch", "/no.Such/Method"):
            with self.assertRaises(Exception) as caught:
                self.server.channel.unary_unary(path)(b"")
            self.assertEqual(caught.exception.code().name, "UNIMPLEMENTED")


class HealthBounds(ServerCase):

    FLAGS = ("--streams-max", "1")

    def watch(self):
        return Health(self.server.channel).Watch(HealthCheckRequest(), timeout=20)

    def watch_works(self):
        watch = self.watch()
        try:
            return next(watch).status == SERVING
        except grpc.RpcError:
            return False
        finally:
            watch.cancel()

    def test_a_watch_is_a_stream_that_streams_max_counts(self):
        first = self.watch()
        self.assertEqual(next(first).status, SERVING)
        with self.assertRaises(grpc.RpcError) as refused:
            next(self.watch())
        self.assertEqual(refused.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn("streams_max", refused.exception.details())
        first.cancel()
        wait_until(self.watch_works, "the place of the cancelled watch")


if __name__ == "__main__":
    main()
