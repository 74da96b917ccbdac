package io.fwatchdog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The crew as the host sees it: who blocks holds up nobody. */
class CrewTest {
    @ParameterizedTest
    @EnumSource
    void anAnswerIsNotHeldUpByABlockedHandlerOnTheSameThread(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe, Misbehaving.class)) {
            host.greet();
            for (int round = 0; round < 200; round++) {
                // One small request and some that block, in one write: no thread is left that would come by and flush.
                int small = 1000 + 4 * round;
                Encoder batch = Host.request(small, 0, "GET", "/", new byte[0], true);
                for (int stream = small + 1; stream < small + 4; stream++) {
                    Encoder more = Host.request(stream, 0, "GET", "/block", new byte[0], true);
                    batch.raw(more.bytes, 0, more.length);
                }
                host.send(batch);
                assertEquals("200 fine", host.answer(small).text());
                for (int stream = small + 1; stream < small + 4; stream++) {
                    host.cancel(stream);
                    host.answer(stream);
                }
            }
        }
    }

    @Test
    void withAConcurrencyOfOneEveryRequestIsHandledOnTheSameThread() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class, "FWATCHDOG_CONCURRENCY", "1")) {
            host.greet();
            String first = host.answer(host.call("/thread")).text();
            assertTrue(first.startsWith("200 fwatchdog-handler-1 virtual=false"), first);
            for (int i = 0; i < 20; i++) {
                assertEquals(first, host.answer(host.call("/thread")).text());
            }
        }
    }

    @Test
    void virtualThreadsAreUsedWhereTheJvmHasThem() throws Exception {
        boolean has = Threads.virtual() != null;
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            String concurrency = host.greet().get("concurrency");
            assertTrue(host.answer(host.call("/thread")).text().endsWith("virtual=" + has));
            assertEquals(has ? 256 : 32 * Runtime.getRuntime().availableProcessors(), Integer.parseInt(concurrency));
        }
    }
}
