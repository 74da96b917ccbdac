package io.fwatchdog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What user code does that it should not. */
class FailuresTest {
    @ParameterizedTest
    @EnumSource
    void whatIsPrintedBreaksNothing(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe, "CONFORMANCE_NOISE", "1")) {
            host.greet();
            for (int i = 0; i < 10; i++) {
                assertEquals("200 printed", host.answer(host.call("/print")).text());
                assertEquals("200 printed", host.answer(host.call("/print-subprocess")).text());
                assertEquals("200 printed", host.answer(host.call("/print-raw")).text());
            }
            host.hangUp();
            assertEquals(0, host.exitCode());
            String stderr = host.stderr.toString("UTF-8");
            assertTrue(stderr.contains("printed at import\n"), stderr);
            assertTrue(stderr.contains("printed by the handler\n"), stderr);
            String raw = pipe == Pipe.FD1 ? host.stray.toString("UTF-8") : stderr;
            assertTrue(raw.contains("printed raw\n") && raw.contains("printed by a subprocess\n"), raw);
        }
    }

    @Test
    void aHandlerThatThrowsIsErrorThree() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            Answer answer = host.answer(host.call("/throw"));
            assertEquals("ERROR 3 boom", answer.text());
            assertTrue(answer.errorText.contains("\n\tat io.fwatchdog.conformance.Main."), answer.errorText);
            host.assertServes();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aLongErrorIsCutAtACharacter(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            Answer answer = host.answer(host.call("/throw-long?n=100000"));
            assertEquals("ERROR 3 boom", answer.text());
            assertFalse(answer.errorText.contains("\ufffd"));
            int bytes = answer.errorText.getBytes("UTF-8").length;
            assertTrue(bytes == pipe.maxPayload - 2 || bytes == pipe.maxPayload - 3, bytes + " bytes");
        }
    }

    @Test
    void aHandlerThatThrowsInTheMiddleOfItsResponseBreaksItOff() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            Answer answer = host.answer(host.call("/throw-late"));
            assertEquals(200, answer.status);
            assertEquals("start", new String(answer.body(), "UTF-8"));
            assertEquals(3, answer.errorCode);
            host.assertServes();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aHeadThatDoesNotFitAFrameIsErrorThree(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            host.greet();
            int fits = pipe.maxPayload - 8 - 2 - "x-big".length() - 2;
            assertEquals(fits, host.answer(host.call("/head?n=" + fits)).headers.get("x-big").length());
            assertEquals("ERROR 3 response headers too large", host.answer(host.call("/head?n=" + (fits + 1))).text());
            host.assertServes();
        }
    }

    @Test
    void aHandlerThatExitsEndsTheProcess() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            host.call("/exit?code=3");
            assertEquals(3, host.exitCode());
        }
    }

    @Test
    void aBadRequestIsErrorFive() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            assertEquals("ERROR 5 the query is not well encoded", host.answer(host.call("/bytes?n=%zz")).text());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "INT"})
    void signalsThatAskToEndAreIgnored(String signal) throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            host.kill(signal);
            host.assertServes();
            host.hangUp();
            assertEquals(0, host.exitCode());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/memory", "/memory-in-a-writer"})
    void outOfMemoryEndsTheProcess(String target) throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            host.call(target);
            assertEquals(3, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("OutOfMemoryError"));
        }
    }

    @Test
    void aStackOverflowIsAnOrdinaryFailure() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            assertEquals("ERROR 3 java.lang.StackOverflowError", host.answer(host.call("/stack")).text());
            assertEquals("200 fine", host.answer(host.call("/")).text());
        }
    }

    @Test
    void aHandlerWithoutAResponseIsErrorThree() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            assertEquals("ERROR 3 the handler returned no response", host.answer(host.call("/null")).text());
        }
    }

    @Test
    void whatIsWrittenAfterTheEndIsRefusedAndWhatIsLoggedThenBelongsToNoStream() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            int stream = host.call("/late");
            assertEquals("200 ", host.answer(stream).text());
            assertEquals("200 fine", host.answer(host.call("/after-late")).text());
            assertEquals("\1late: the response has ended", nextLog(host));
            host.assertNothing(50, "a frame on a stream that has ended", f -> f.stream == stream);
        }
    }

    @Test
    void aThreadThatStillReadsTheRequestIsToldOfTheAnswer() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            assertEquals("413 ", host.answer(host.open("/leave-a-reader")).text());
            assertEquals("\1left behind: the response has ended", nextLog(host));
        }
    }

    @Test
    void aThreadThatStillWaitsForWindowIsToldOfTheEnd() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            int stream = host.open("/leave-a-writer");
            FlowTest.takeOneWindow(host, stream);
            host.data(stream, new byte[0], true);
            assertEquals("ERROR 3 too late", host.answer(stream).text());
            assertEquals("\1left behind: the response has ended", nextLog(host));
        }
    }

    @Test
    void anExceptionThatThrowsWhenItIsToldIsAnOrdinaryFailure() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            Answer answer = host.answer(host.call("/untellable"));
            assertEquals("ERROR 3 io.fwatchdog.Misbehaving$Untellable", answer.text());
            assertTrue(answer.errorText.endsWith("throws java.lang.NoClassDefFoundError"), answer.errorText);
            assertEquals("200 fine", host.answer(host.call("/")).text());
        }
    }

    @Test
    void aBadRequestWithoutAMessageIsErrorFiveWithItsClass() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            assertEquals("ERROR 5 io.fwatchdog.Misbehaving$Speechless", host.answer(host.call("/bad-without-a-message")).text());
            assertEquals("200 fine", host.answer(host.call("/")).text());
        }
    }

    @Test
    void aHandlerFindsStdinEmpty() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            assertEquals("200 -1", host.answer(host.call("/stdin")).text());
        }
    }

    @Test
    void aHandlerMayAskToBeReplaced() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            assertEquals("200 fine", host.answer(host.call("/retire")).text());
            assertEquals("worn out", new String(host.next("GOAWAY", f -> f.type == Frame.GOAWAY).payload, "UTF-8"));
        }
    }

    /** Level and text of the next LOG, which is to belong to no stream. */
    private static String nextLog(Host host) throws Exception {
        Received log = host.next("LOG", f -> f.type == Frame.LOG);
        assertEquals(0, log.stream);
        return new String(log.payload, "UTF-8");
    }
}
