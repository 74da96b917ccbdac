package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class HandshakeTest {
    @ParameterizedTest
    @EnumSource
    void helloSaysWhatTheWorkerIs(Pipe pipe) throws Exception {
        try (Host host = Host.start(pipe)) {
            Headers hello = host.greet();
            assertEquals("java/0.1.0", hello.get("sdk"));
            assertEquals("java " + System.getProperty("java.version"), hello.get("runtime"));
            assertTrue(Integer.parseInt(hello.get("pid")) > 1);
            assertEquals("URG QUIT", hello.get("stacks"));
            assertTrue(Integer.parseInt(hello.get("concurrency")) >= 32);
            assertEquals(pipe == Pipe.FD3 ? "window ping-busy exclusive" : "window ping-busy", hello.get("features"));
        }
    }

    @Test
    void theOperatorDecidesTheConcurrency() throws Exception {
        try (Host host = Host.start(Pipe.FD1, "FWATCHDOG_CONCURRENCY", "7")) {
            assertEquals("7", host.greet().get("concurrency"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "many", ""})
    void aConcurrencyThatIsNoneIsRefused(String concurrency) throws Exception {
        try (Host host = Host.start(Pipe.FD1, "FWATCHDOG_CONCURRENCY", concurrency)) {
            assertEquals(64, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("FWATCHDOG_CONCURRENCY"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"77", "x"})
    void aDescriptorThatIsNoneIsRefused(String descriptor) throws Exception {
        try (Host host = Host.start(Pipe.FD1, "FWATCHDOG_OUT_FD", descriptor)) {
            assertEquals(64, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("FWATCHDOG_OUT_FD"));
        }
    }

    @Test
    void startedByHandItSaysHowToStartIt() throws Exception {
        try (Host host = Host.startBare()) {
            assertEquals(64, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("this program is a worker: start it with fwatchdog"));
        }
    }

    @Test
    void aFailureOfInitIsErrorOneOnStreamZero() throws Exception {
        try (Host host = Host.start(Pipe.FD1, "CONFORMANCE_INIT_ERROR", "1")) {
            host.sayHello();
            Received frame = host.next("ERROR", f -> f.type == Frame.ERROR);
            Decoder error = frame.decoder();
            assertEquals(0, frame.stream);
            assertEquals(1, error.u16());
            assertTrue(error.text().startsWith("no database\njava.lang.IllegalStateException: no database\n\tat "));
            assertEquals(1, host.exitCode());
        }
    }

    @Test
    void pingIsAnsweredWhileEveryHandlerIsBusy() throws Exception {
        try (Host host = Host.start(Pipe.FD1, "FWATCHDOG_CONCURRENCY", "1")) {
            host.greet();
            int busy = host.call("/wait");
            host.send(new Encoder(8).u64(0xFEDCBA9876543210L).seal(Frame.PING, false, 0, 0));
            assertEquals(0xFEDCBA9876543210L, host.next("PONG", f -> f.type == Frame.PONG).decoder().u64());
            host.cancel(busy);
            host.answer(busy);
        }
    }

    @Test
    void aTypeOfALaterVersionIsIgnored() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            host.send(new Encoder(2).u16(7).seal(9, false, 5, 0));
            host.assertServes();
        }
    }

    @Test
    void framesInSingleBytesAreUnderstood() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            Encoder frame = Host.request(1, 0, "POST", "/echo", "byte by byte".getBytes(UTF_8), true);
            for (int i = 0; i < frame.length; i++) {
                host.sendRaw(new byte[] {frame.bytes[i]});
            }
            assertEquals("200 byte by byte", host.answer(1).text());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "GET / HTTP/1.1",                       // no frame at all
        "\u00fb\u00f8",                         // a bad second byte
        "\u00fb\u00f7\u0063\0\0\0\0\1\0\0\0\0", // a type that is unknown
        "\u00fb\u00f7\u0010\1\0\0\0\1\u00ff\u00ff\u00ff\u00ff", // a payload of 4 GiB
        "\u00fb\u00f7\u0001\0\0\0\0\0\0\0\0\6\0\1\0\1\0\0",     // a second HELLO
        "\u00fb\u00f7\u0003\0\0\0\0\0\0\0\0\1\0",               // a PING that is too short
    })
    void whatIsNoProtocolEndsTheWorker(String bytes) throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.greet();
            host.sendRaw(bytes.getBytes("ISO-8859-1"));
            assertEquals(65, host.exitCode());
            assertTrue(host.stderr.toString("UTF-8").contains("the host broke the protocol"));
        }
    }

    @Test
    void aFrameBeforeHelloEndsTheWorker() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.goAway();
            assertEquals(65, host.exitCode());
        }
    }

    @Test
    void aHostWithoutACommonVersionIsToldBothRanges() throws Exception {
        try (Host host = Host.start(Pipe.FD1)) {
            host.send(Messages.hello(2, 3, new Headers()));
            assertEquals(65, host.exitCode());
            String text = host.stderr.toString("UTF-8");
            assertTrue(text.contains("2 to 3") && text.contains("1 to 1"), text);
        }
    }
}
