package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class CancelTest {
    @Test
    void aHandlerThatIsInterruptedIsCancelled() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            int stream = host.call("/begin");
            host.next("LOG", f -> f.type == Frame.LOG && f.stream == stream);
            host.cancel(stream);
            assertEquals("ERROR 2 cancelled", host.answer(stream).text());
            assertEquals("200 fine", host.answer(host.call("/")).text());
        }
    }

    @Test
    void aHandlerThatIsCancelledMayStillAnswerOnce() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class)) {
            host.greet();
            int stream = host.call("/wait");
            host.next("LOG", f -> f.type == Frame.LOG && f.stream == stream);
            host.cancel(stream);
            assertEquals("200 cancelled", host.answer(stream).text());
            host.cancel(stream);
            assertEquals("200 fine", host.answer(host.call("/")).text());
            host.assertNothing(50, "a second end", f -> f.stream == stream);
        }
    }

    @Test
    void aRequestThatIsCancelledBeforeItBeginsIsNeverHandled() throws Exception {
        try (Host host = Host.start(Pipe.FD1, "FWATCHDOG_CONCURRENCY", "1")) {
            host.greet();
            // In one write, so that the CANCEL is read before the handler's thread has come.
            int stream = host.nextStream();
            Encoder both = Host.request(stream, 0, "GET", "/wait", new byte[0], true);
            both.raw(new Encoder(1).u8(1).seal(Frame.CANCEL, false, stream, 0).bytes, 0, Frame.HEADER_BYTES + 1);
            host.send(both);
            assertEquals("ERROR 2 cancelled", host.answer(stream).text());
            host.assertServes();
        }
    }

    @Test
    void framesOfAStreamThatHasEndedOrNeverWasAreIgnored() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int ended = host.call("/echo");
            host.answer(ended);
            for (int stream : new int[] {ended, 900}) {
                host.cancel(stream);
                host.window(stream, 1000);
                host.data(stream, new byte[10], true);
            }
            host.assertServes();
        }
    }

    @Test
    void aStreamThatWaitsForWindowEnds() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.call("/stream?n=5000000&piece=50000");
            FlowTest.takeOneWindow(host, stream);
            host.cancel(stream);
            assertEquals(Frame.ERROR, host.next(stream).type);
            host.assertServes();
        }
    }

    @Test
    void aHandlerThatWaitsForTheRestOfTheBodyEnds() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            int stream = host.open("/size");
            host.data(stream, "part".getBytes(UTF_8), false);
            host.cancel(stream);
            assertEquals("ERROR 2 cancelled", host.answer(stream).text());
            host.assertServes();
        }
    }

    @Test
    void anInterruptDoesNotReachTheNextRequestOnTheSameThread() throws Exception {
        try (Host host = Host.start(Pipe.FD1, Misbehaving.class, "FWATCHDOG_CONCURRENCY", "1")) {
            host.greet();
            assertEquals("200 fine", host.answer(host.call("/interrupt")).text());
            assertEquals("200 interrupted: false", host.answer(host.call("/interrupted")).text());
        }
    }
}
