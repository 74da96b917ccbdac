package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class LeavingTest {
    @Test
    void theEndOfStdinEndsAnIdleWorker() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            host.hangUp();
            assertEquals(0, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("stopped"), "the option stop was not run");
        }
    }

    @Test
    void theEndOfStdinInTheMiddleOfAFrameDoesToo() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            host.sendRaw(new byte[] {(byte) 0xFB, (byte) 0xF7, 16, 1, 0});
            host.hangUp();
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void aWorkerThatIsStartedOnNothingSaysReadyAndGoes() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.hangUp();
            host.next("HELLO", f -> f.type == Frame.HELLO);
            host.next("READY", f -> f.type == Frame.READY);
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void whatIsInFlightIsFinishedAfterTheEndOfStdinInAFrame() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.call("/sleep?ms=200");
            host.sendRaw(new byte[] {(byte) 0xFB});
            host.hangUp();
            assertEquals("200 slept", host.answer(stream).text());
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void whoWaitsForWhatWillNotComeIsNotWaitedFor() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int upload = host.open("/size");
            int download = host.call("/stream?n=5000000&piece=50000");
            FlowTest.takeOneWindow(host, download);
            host.hangUp();
            assertEquals("ERROR 3 the host broke the request off", host.answer(upload).text());
            assertEquals(Frame.ERROR, host.next(download).type);
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void atTheEndOfStdinAHandlerThatWaitsForItsCancellationIsToldWithoutAnInterrupt() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            int waiting = host.call("/wait");
            host.next("LOG", f -> f.type == Frame.LOG && f.stream == waiting);
            host.hangUp();
            assertEquals("200 cancelled", host.answer(waiting).text());
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void goAwayEndsAnIdleWorkerWhenStdinEnds() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            host.goAway();
            host.hangUp();
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void afterGoAwayWhatIsInFlightGoesOnAndNothingNewBegins() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int waiting = host.call("/wait");
            int upload = host.open("/echo");
            int download = host.call("/stream?n=1000000&piece=10000");
            host.goAway();
            assertEquals("ERROR 4 not started", host.answer(host.call("/echo")).text());
            assertArrayEquals(BodiesTest.pattern(1_000_000), host.answer(download).body());
            host.data(upload, "late".getBytes(UTF_8), true);
            assertEquals("200 late", host.answer(upload).text());
            host.cancel(waiting);
            assertEquals("200 cancelled", host.answer(waiting).text());
            host.hangUp();
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void aBrokenPipeEndsTheWorker() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            host.stopReading();
            assertThrows(IOException.class, () -> {
                while (true) {
                    host.call("/throw"); // until the worker has gone
                }
            });
            assertEquals(0, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("cannot write to the host"));
        }
    }
}
