"""Run from a folder without the sources, in an environment with the wheel, against the service at CLIPN_TEST_URL: .ci/clients"""

import os
import unittest

import httpx
from clipn_gate_client import GateError, RetryTransport, detect_file, gate_client, result
from clipn_gate_client.api.access import create_key
from clipn_gate_client.api.detect import detect
from clipn_gate_client.api.tenants import get_tenant, put_tenant, roll_back_tenant
from clipn_gate_client.models import DetectImage, DetectRequest, NewKey, TenantDefinition, Verdict

URL, KEY, SAMPLES = (os.environ[name] for name in ("CLIPN_TEST_URL", "CLIPN_TEST_KEY", "CLIPN_TEST_SAMPLES"))
BODY = DetectRequest(images=[DetectImage(data="AAAA")])
REPLY = {
    "tenant": "demo",
    "tenant_version": 1,
    "model": {"name": "a", "version": "1"},
    "results": [],
    "timing_ms": {"decode": 0, "queue": 0, "inference": 0, "total": 0},
}


class Refusing:
    """A service that refuses the first requests, then answers."""

    def __init__(self, times, status, headers=(("retry-after", "2"),)):
        self.times, self.status, self.headers = times, status, dict(headers)
        self.bodies, self.waits = [], []
        transport = RetryTransport(httpx.MockTransport(self.answer), sleep=self.waits.append)
        self.client = gate_client("http://test", transport=transport)

    def answer(self, request):
        self.bodies.append(request.content)
        if len(self.bodies) > self.times:
            return httpx.Response(200, json=REPLY)
        problem = {"type": "a", "title": "b", "status": self.status, "code": "overloaded", "detail": "full"}
        return httpx.Response(self.status, json=problem, headers=self.headers)


class Client(unittest.TestCase):
    def setUp(self):
        self.client = gate_client(URL, KEY)

    def test_a_registered_tenant_judges_a_photograph(self):
        tenant = result(
            put_tenant.sync_detailed("pypi", client=self.client, body=TenantDefinition(classes=["cat", "pizza"]))
        )
        self.assertEqual(tenant.state, "ready")
        cat = detect_file(self.client, f"{SAMPLES}/cat.jpg", tenant="pypi")
        self.assertIsInstance(cat, Verdict)
        self.assertEqual((cat.id, cat.decision, cat.prediction.class_), ("cat.jpg", "id", "cat"))
        self.assertEqual(detect_file(self.client, f"{SAMPLES}/coffee.jpg", tenant="pypi").decision, "ood")

    def test_an_error_of_the_service_has_its_code(self):
        for client, code, status in ((self.client, "tenant_not_found", 404), (gate_client(URL), "unauthenticated", 401)):
            with self.assertRaises(GateError) as raised:
                result(get_tenant.sync_detailed("nobody", client=client))
            self.assertEqual((raised.exception.code, raised.exception.status), (code, status))
        with self.assertRaises(GateError) as raised:
            detect_file(self.client, __file__)
        self.assertEqual(raised.exception.code, "unsupported_media_type")

    def test_a_refused_request_for_verdicts_is_sent_again_after_retry_after(self):
        for status in (429, 503):
            service = Refusing(2, status)
            self.assertEqual(result(detect.sync_detailed(client=service.client, body=BODY)).results, [])
            self.assertEqual(service.waits, [2, 2])
            self.assertEqual(len(set(service.bodies)), 1)
            self.assertEqual(len(service.bodies), 3)

    def test_repetitions_are_bounded(self):
        for headers, requests in (({"retry-after": "2"}, 4), ({"retry-after": "61"}, 1), ({}, 1)):
            service = Refusing(99, 429, headers.items())
            self.assertEqual(detect.sync_detailed(client=service.client, body=BODY).status_code, 429)
            self.assertEqual(len(service.bodies), requests)

    def test_a_request_that_is_not_safe_to_repeat_is_sent_once(self):
        service = Refusing(99, 503)
        create_key.sync_detailed(client=service.client, body=NewKey(name="a", scopes=["admin"]))
        roll_back_tenant.sync_detailed("zoo", client=service.client)
        definition = TenantDefinition(classes=["a"])
        put_tenant.sync_detailed("zoo", client=service.client, body=definition, if_match='"1"')
        self.assertEqual(len(service.bodies), 3)


if __name__ == "__main__":
    unittest.main()
