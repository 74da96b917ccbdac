package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BodiesTest {
    private static final int[] SIZES = {0, 1, 4079, 4080, 4084, 4085, 65528, 65529, 65536, 262145, 5_000_000};

    @ParameterizedTest
    @EnumSource
    void wholeBodiesOfEverySizeComeBack(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            for (int size : SIZES) {
                int stream = host.open("/echo");
                host.upload(stream, pattern(size));
                assertArrayEquals(pattern(size), host.answer(stream).body());
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void bodiesThatComeWithTheirRequestComeBack(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            for (int size : new int[] {0, 1, 4084, 60000}) {
                assertArrayEquals(pattern(size), host.answer(host.request("PUT", "/echo", pattern(size), true)).body());
            }
        }
    }

    @Test
    void aBodyMayBeginWithItsRequestAndGoOn() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.request("POST", "/echo", "begin ".getBytes(UTF_8), false);
            host.data(stream, "end".getBytes(UTF_8), true);
            assertEquals("200 begin end", host.answer(stream).text());
        }
    }

    @ParameterizedTest
    @EnumSource
    void responsesOfEverySizeAreWhole(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            for (int size : SIZES) {
                assertArrayEquals(pattern(size), host.answer(host.call("/bytes?n=" + size)).body());
                assertArrayEquals(pattern(size), host.answer(host.call("/stream?piece=10007&n=" + size)).body());
            }
        }
    }

    @Test
    void aResponseThatFitsIsOneFrameAndOneByteMoreIsNot() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int fits = Frame.SHARED_PAYLOAD - 8; // metaLen, status, and no headers
            assertEquals(1, host.answer(host.call("/bytes?n=" + fits)).frames);
            assertEquals(2, host.answer(host.call("/bytes?n=" + (fits + 1))).frames);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStreamedAnswerStartsBeforeTheRequestEnds(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            int stream = host.open("/stream-echo");
            assertEquals(Frame.RESP, host.next(stream).type);
            host.data(stream, "first".getBytes(UTF_8), false);
            assertEquals("first", new String(host.next(stream).payload, UTF_8));
            host.data(stream, "last".getBytes(UTF_8), true);
            Answer rest = host.answer(stream);
            assertEquals("last", new String(rest.body(), UTF_8));
        }
    }

    @Test
    void anUploadThatNobodyReadsIsAnsweredAtOnceAndThrownAway() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.open("/ignore");
            assertEquals("200 ignored", host.answer(stream).text());
            host.data(stream, pattern(60000), false);
            host.data(stream, pattern(60000), true);
            host.assertServes();
        }
    }

    @ParameterizedTest
    @EnumSource
    void sixtyFourRequestsAtOnceDoNotWaitForOneAnother(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe, Misbehaving.class, "FWATCHDOG_CONCURRENCY", "64")) {
            host.greet();
            List<Integer> streams = new ArrayList<>();
            for (int i = 0; i < Misbehaving.PARTY; i++) {
                streams.add(host.call("/meet"));
            }
            for (int stream : streams) {
                assertEquals("200 met", host.answer(stream).text());
            }
        }
    }

    @Test
    void aRequestBeyondTheConcurrencyIsNotStarted() throws Exception {
        try (Host host = Host.start(Pipe.FD1, "FWATCHDOG_CONCURRENCY", "1")) {
            host.greet();
            int first = host.call("/wait");
            assertEquals("ERROR 4 not started", host.answer(host.call("/echo")).text());
            host.cancel(first);
            host.answer(first);
            host.assertServes();
        }
    }

    @Test
    void headersAreBytesInTheirOrder() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            StringBuilder cookie = new StringBuilder();
            for (int i = 0; i < 60_000; i++) {
                cookie.append('c');
            }
            String[] sent = {"host", "example", "accept", "a", "accept", "b", "x-empty", "", "x-latin", "\u00e9\u00ff", "cookie", cookie.toString()};
            Answer answer = host.answer(host.request("GET", "/headers", new byte[0], true, sent));
            assertEquals(Headers.of(sent).toString(), answer.latin1());
        }
    }

    @Test
    void methodTargetAndTypeArriveAsTheyWere() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.request("PATCH", "/echo?q=%20+", new byte[0], true, "content-type", "text/x");
            Headers headers = host.answer(stream).headers;
            assertEquals("PATCH", headers.get("x-method"));
            assertEquals("/echo?q=%20+", headers.get("x-target"));
            assertEquals("text/x", headers.get("content-type"));
        }
    }

    @Test
    void aResponseMayRepeatAHeaderAndLeaveOneEmpty() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            assertEquals("set-cookie: a=1\nset-cookie: b=2\nx-empty: \n", host.answer(host.call("/cookies")).headers.toString());
        }
    }

    @Test
    void theDeadlineIsWhatIsLeftOfTheTime() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.nextStream();
            host.send(Host.request(stream, 5000, "GET", "/deadline", new byte[0], true));
            long left = Long.parseLong(new String(host.answer(stream).body(), UTF_8));
            assertTrue(left > 0 && left <= 5000, left + " ms");
            assertEquals("200 none", host.answer(host.call("/deadline")).text());
        }
    }

    @Test
    void thereIsNoErrorInAnOrdinaryAnswer() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            Answer answer = host.answer(host.call("/status?code=204"));
            assertEquals(204, answer.status);
            assertNull(answer.errorText);
        }
    }

    /** Byte i is i mod 251. */
    static byte[] pattern(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i % 251);
        }
        return bytes;
    }
}
