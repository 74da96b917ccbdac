package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FlowTest {
    @ParameterizedTest
    @EnumSource
    void aSlowConsumerStopsAResponseAfterExactlyOneWindowAndNoOther(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            int streamed = host.call("/stream?n=1000000&piece=10000");
            int whole = host.call("/bytes?n=1000000");
            assertEquals(Host.WINDOW, takeOneWindow(host, streamed));
            assertEquals(Host.WINDOW, takeOneWindow(host, whole));
            host.assertServes();
            host.assertNothing(100, "DATA beyond the window", f -> f.stream == streamed || f.stream == whole);

            host.window(streamed, 1_000_000);
            int rest = 0;
            for (Received frame = host.next(streamed); ; frame = host.next(streamed)) {
                rest += frame.payload.length;
                if (frame.isTerminal()) {
                    break;
                }
            }
            assertEquals(1_000_000 - Host.WINDOW, rest);
        }
    }

    @Test
    void aWindowIsUsedToTheLastByte() throws Exception {
        try (Host host = Host.start(Pipe.FD3)) {
            host.greet();
            int stream = host.call("/bytes?n=262147");
            takeOneWindow(host, stream);
            host.window(stream, 0);
            host.window(stream, 1);
            assertEquals(1, host.next(stream).payload.length);
            host.window(stream, 5);
            Received last = host.next(stream);
            assertEquals(2, last.payload.length);
            assertTrue(last.end);
        }
    }

    @Test
    void windowIsGrantedForWhatIsReadNotForWhatArrives() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int unread = host.open("/wait");
            for (int sent = 0; sent < Host.WINDOW; sent += Frame.MAX_PAYLOAD) {
                host.data(unread, new byte[Frame.MAX_PAYLOAD], false);
            }
            host.assertServes();
            host.assertNothing(100, "WINDOW", f -> f.type == Frame.WINDOW);
            host.cancel(unread);
            host.answer(unread);
        }
    }

    @Test
    void aSlowReaderGetsTheWholeUpload() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.open("/slow-size?ms=1");
            host.upload(stream, new byte[1_000_000]);
            assertEquals("200 1000000", host.answer(stream).text());
        }
    }

    @Test
    void aHostThatSendsOverTheWindowBreaksTheProtocol() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.open("/wait");
            for (int sent = 0; sent <= Host.WINDOW; sent += Frame.MAX_PAYLOAD) {
                host.data(stream, new byte[Frame.MAX_PAYLOAD], false);
            }
            assertEquals(65, host.exitCode());
        }
    }

    @Test
    void aHostThatSendsMoreThanTheWholeBodyBreaksTheProtocol() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.call("/wait");
            host.data(stream, new byte[1], true);
            assertEquals(65, host.exitCode());
        }
    }

    @Test
    void withoutTheFeatureWindowNothingIsCounted() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.send(Messages.hello(1, 1, new Headers()));
            host.next("READY", f -> f.type == Frame.READY);
            int up = host.open("/size");
            for (int i = 0; i < 10; i++) {
                host.data(up, new byte[Frame.MAX_PAYLOAD], i == 9);
            }
            assertEquals("200 655360", host.answer(up).text());
            int down = host.call("/bytes?n=1000000");
            Answer answer = new Answer();
            for (Received frame = host.next(down); ; frame = host.next(down)) {
                answer.add(frame);
                if (frame.isTerminal()) {
                    break;
                }
            }
            assertArrayEquals(BodiesTest.pattern(1_000_000), answer.body());
            host.assertNothing(50, "WINDOW", f -> f.type == Frame.WINDOW);
        }
    }

    @Test
    void theHostMayTakeSmallerFramesThanUsual() throws Exception {
        try (Host host = Host.start(Pipe.FD3)) {
            host.send(Messages.hello(1, 1, Headers.of("max_frame", "5000", "features", "window")));
            host.next("READY", f -> f.type == Frame.READY);
            int stream = host.call("/bytes?n=20000");
            for (Received frame = host.next(stream); !frame.isTerminal(); frame = host.next(stream)) {
                assertTrue(frame.payload.length <= 5000, frame.toString());
            }
        }
    }

    @Test
    void eventsLeaveOneByOne() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.call("/events?n=3&ms=50");
            assertEquals(Frame.RESP, host.next(stream).type);
            for (int i = 0; i < 3; i++) {
                assertEquals("event " + i + "\n", new String(host.next(stream).payload, UTF_8));
            }
            assertTrue(host.next(stream).end);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aLongLogTextIsSeveralFrames(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            int stream = host.call("/log-long?n=200000");
            int letters = 0;
            while (letters < 200_000) {
                Received log = host.next("LOG", f -> f.type == Frame.LOG && f.stream == stream);
                assertEquals(Level.INFO.ordinal(), log.payload[0]);
                letters += log.payload.length - 1;
            }
            assertEquals(200_000, letters);
            assertEquals("200 logged", host.answer(stream).text());
        }
    }

    @Test
    void aLogTextHasItsLevelAndStream() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.call("/log?text=hello");
            for (Level level : Level.values()) {
                Received log = host.next("LOG", f -> f.type == Frame.LOG);
                assertEquals(stream, log.stream);
                assertEquals(level.ordinal(), log.payload[0]);
                assertEquals("hello", new String(log.payload, 1, log.payload.length - 1, UTF_8));
            }
        }
    }

    /** Takes a response's head and DATA up to one window. Returns how much came in frames that begin within it. */
    static int takeOneWindow(Host host, int stream) {
        assertEquals(Frame.RESP, host.next(stream).type);
        int taken = 0;
        while (taken < Host.WINDOW) {
            taken += host.next(stream).payload.length;
        }
        return taken;
    }
}
