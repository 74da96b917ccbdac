package io.fwatchdog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The thread that reads from the host, when it answers requests itself. */
class AloneTest {
    private static final int MANY = 150;
    private static final String BY_READER = "200 fwatchdog-reader virtual=false";

    /** Sends requests one after the other, so that the reader answers the next one itself. Returns the last answer. */
    private static String callMany(Host host) throws IOException {
        String last = "";
        for (int i = 0; i < MANY; i++) {
            last = host.answer(host.call("/thread")).text();
        }
        return last;
    }

    private static Host used(Pipe pipe) throws IOException {
        Host host = Host.start(pipe, Unhurried.class);
        host.greet();
        assertEquals(BY_READER, callMany(host));
        return host;
    }

    /** Sends a request that takes long, and waits until its handler has begun: no other may come beside it before. */
    private static int begin(Host host, String target) throws IOException {
        int stream = host.call(target);
        host.next("LOG", f -> f.type == Frame.LOG && f.stream == stream);
        return stream;
    }

    @ParameterizedTest
    @EnumSource
    void whoHangsHoldsUpNobody(Pipe pipe) throws Exception {
        try (Host host = used(pipe)) {
            for (int round = 0; round < 5; round++) {
                int hanging = begin(host, "/begin");
                for (int i = 0; i < MANY; i++) {
                    String beside = host.answer(host.call("/thread")).text();
                    assertTrue(beside.startsWith("200 fwatchdog-handler-"), beside);
                }
                host.cancel(hanging);
                assertEquals("ERROR 2 cancelled", host.answer(hanging).text());
                assertEquals(BY_READER, callMany(host));
                Thread.sleep(5 * round); // the clock rests, or not yet
            }
            host.hangUp();
            assertEquals(0, host.exitCode());
        }
    }

    @Test
    void theEndOfThePipeReachesAHandlerThatTheReaderRuns() throws Exception {
        try (Host host = used(Pipe.FD1)) {
            int waiting = begin(host, "/wait");
            host.hangUp();
            assertEquals("200 cancelled", host.answer(waiting).text());
            assertEquals(0, host.exitCode());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/null", "/stack", "/interrupt", "/untellable", "/bad-without-a-message"})
    void theReaderOutlivesTheHandlersThatItRuns(String target) throws Exception {
        try (Host host = used(Pipe.FD1)) {
            host.answer(host.call(target));
            assertEquals("200 interrupted: false", host.answer(host.call("/interrupted")).text());
            assertEquals(BY_READER, callMany(host));
        }
    }

    @Test
    void theReaderRunsNoHandlerThatWaitsForTheRestOfItsBody() throws Exception {
        try (Host host = used(Pipe.FD1)) {
            int open = host.open("/thread");
            assertTrue(host.answer(open).text().startsWith("200 fwatchdog-handler-"));
        }
    }

    @Test
    void theReaderRunsNoneOfSeveralHandlers() throws Exception {
        try (Host host = used(Pipe.FD1)) {
            int first = host.nextStream();
            int second = host.nextStream();
            Encoder both = Host.request(first, 0, "GET", "/thread", new byte[0], true);
            Encoder more = Host.request(second, 0, "GET", "/thread", new byte[0], true);
            both.raw(more.bytes, 0, more.length);
            host.send(both);
            assertTrue(host.answer(first).text().startsWith("200 fwatchdog-handler-"));
            assertTrue(host.answer(second).text().startsWith("200 fwatchdog-handler-"));
        }
    }

    @Test
    void theStackOfAHandlerThatTheReaderRunsIsWritten() throws Exception {
        try (Host host = used(Pipe.FD1)) {
            begin(host, "/begin");
            host.kill("URG");
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (!host.stderr.toString().contains("Misbehaving.block") && System.nanoTime() < end) {
                Thread.sleep(1);
            }
            String written = host.stderr.toString();
            assertTrue(written.contains("\"fwatchdog-reader\" TIMED_WAITING") && written.contains("Misbehaving.block"), written);
        }
    }

    @Test
    void onlyWhatComesSoonComesAlone() {
        Alone alone = new Alone(() -> { }, 10);
        long now = Long.MAX_VALUE - 500; // on a clock that may have any value
        boolean own = false;
        for (int i = 0; i <= 101; i++) {
            assertFalse(own, "after " + i);
            now += 9;
            own = alone.next(now);
        }
        assertTrue(own);
        now += 10;
        assertFalse(alone.next(now));
        now += 9;
        assertFalse(alone.next(now));
    }
}
