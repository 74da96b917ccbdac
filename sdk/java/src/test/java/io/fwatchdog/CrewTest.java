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
                // Small requests and such that block, in one write: the crew takes them one after the other.
                int first = 1000 + 4 * round;
                Encoder batch = Host.request(first, 0, "GET", "/", new byte[0], true);
                for (int i = 1; i < 4; i++) {
                    Encoder more = Host.request(first + i, 0, "GET", i == 1 ? "/begin" : "/", new byte[0], true);
                    batch.raw(more.bytes, 0, more.length);
                }
                host.send(batch);
                assertEquals("200 fine", host.answer(first).text());
                assertEquals("200 fine", host.answer(first + 2).text());
                assertEquals("200 fine", host.answer(first + 3).text());
                host.cancel(first + 1);
                host.answer(first + 1);
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
