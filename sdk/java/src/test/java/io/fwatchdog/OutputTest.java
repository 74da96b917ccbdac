package io.fwatchdog;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class OutputTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    /** A pipe that keeps each write apart, and lets one through for each permit. */
    private static final class Writes extends OutputStream {
        final List<byte[]> all = Collections.synchronizedList(new ArrayList<byte[]>());
        final Semaphore permits;
        /** Has a permit for each write that has begun. */
        final Semaphore begun = new Semaphore(0);

        Writes(int permits) {
            this.permits = new Semaphore(permits);
        }

        @Override
        public void write(int b) {
            throw new AssertionError("a single byte");
        }

        @Override
        public void write(byte[] from, int offset, int count) {
            begun.release();
            permits.acquireUninterruptibly();
            all.add(Arrays.copyOfRange(from, offset, offset + count));
        }
    }

    private static void append(Output output, int size) {
        output.append(Messages.data(1, size, false), BodiesTest.pattern(size), 0, size);
    }

    @Test
    void whatIsQueuedLeavesInOneWrite() {
        Writes writes = new Writes(100);
        Output output = new Output(writes, false);
        for (int i = 0; i < 50; i++) {
            append(output, 4000);
        }
        assertEquals(0, writes.all.size());
        output.flush();
        assertEquals(1, writes.all.size());
        assertEquals(50 * 4012, writes.all.get(0).length);
        output.flush();
        assertEquals(1, writes.all.size());
    }

    @Test
    void onASharedDescriptorNoWriteIsTornAndEachHoldsWholeFrames() {
        Writes writes = new Writes(1000);
        Output output = new Output(writes, true);
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        int[] sizes = {4084, 0, 4084, 4072, 1, 2030, 2030, 2031, 100, 100, 100, 4084, 0, 0};
        for (int size : sizes) {
            append(output, size);
            Encoder head = Messages.data(1, size, false);
            expected.write(head.bytes, 0, head.length);
            expected.write(BodiesTest.pattern(size), 0, size);
        }
        output.flush();
        ByteArrayOutputStream written = new ByteArrayOutputStream();
        for (byte[] write : writes.all) {
            assertTrue(write.length <= Frame.PIPE_BUF, write.length + " bytes");
            int at = 0;
            while (at < write.length) {
                at += Frame.HEADER_BYTES + Frame.getInt(write, at + 8);
            }
            assertEquals(write.length, at, "a frame is torn");
            written.write(write, 0, write.length);
        }
        assertArrayEquals(expected.toByteArray(), written.toByteArray());
        assertTrue(writes.all.size() < sizes.length, "small frames do not share a write");
    }

    @Test
    void whoFindsAWriteUnderWayLeavesItsFramesToIt() {
        assertTimeoutPreemptively(PATIENCE, () -> {
            Writes writes = new Writes(0);
            Output output = new Output(writes, false);
            append(output, 1);
            Thread writer = new Thread(output::flush);
            writer.start();
            writes.begun.acquire();
            append(output, 2);
            append(output, 3);
            output.flush(); // returns although the pipe takes nothing
            writes.permits.release(100);
            writer.join();
            assertEquals(2, writes.all.size());
            assertEquals(12 + 2 + 12 + 3, writes.all.get(1).length);
        });
    }

    @Test
    void whoWritesForOthersIsRelieved() {
        assertTimeoutPreemptively(PATIENCE, () -> {
            Writes writes = new Writes(0);
            Output output = new Output(writes, false);
            append(output, 1);
            Thread writer = new Thread(output::flush);
            writer.start();
            // Each time it looks there is more.
            AtomicInteger rounds = new AtomicInteger();
            while (writer.isAlive()) {
                writes.begun.acquire();
                append(output, 1);
                rounds.incrementAndGet();
                writes.permits.release();
                if (rounds.get() > 4) {
                    writer.join();
                }
            }
            writes.permits.release(100);
            output.drain();
            int bytes = 0;
            for (byte[] write : writes.all) {
                bytes += write.length;
            }
            assertEquals(13 * (1 + rounds.get()), bytes);
        });
    }

    @Test
    void whoStreamsWaitsWhileTooMuchIsUnwritten() {
        assertTimeoutPreemptively(PATIENCE, () -> {
            Writes writes = new Writes(0);
            Output output = new Output(writes, false);
            append(output, 1);
            Thread writer = new Thread(output::flush);
            writer.start();
            writes.begun.acquire();
            output.awaitRoom(); // there is room
            for (int i = 0; i < 5; i++) {
                append(output, Frame.MAX_PAYLOAD);
            }
            Thread streaming = new Thread(output::awaitRoom);
            streaming.start();
            Misbehaving.awaitWaiting(streaming);
            writes.permits.release(100);
            streaming.join();
            writer.join();
        });
    }

    @Test
    void whatAnotherThreadOfTheHandlersWritesIsNeverBehindTheEnd() {
        assertTimeoutPreemptively(PATIENCE, () -> {
            Writes writes = new Writes(1);
            Output output = new Output(writes, false);
            Streams streams = new Streams(output, 1);
            List<Thread> others = new ArrayList<>();
            List<IOException> refused = Collections.synchronizedList(new ArrayList<IOException>());
            streams.accept(request -> Response.of(200).body((OutputStream out) -> {
                Thread other = new Thread(() -> {
                    try {
                        out.write(1);
                        out.flush();
                    } catch (IOException e) {
                        refused.add(e);
                    }
                });
                others.add(other);
                other.start();
                Misbehaving.awaitWaiting(other); // for room
                throw new IllegalStateException("took too long");
            }));
            writes.begun.acquire();
            append(output, 1);
            Thread writer = new Thread(output::flush);
            writer.start();
            writes.begun.acquire();
            for (int i = 0; i < 5; i++) {
                append(output, Frame.MAX_PAYLOAD);
            }
            Encoder request = Host.request(7, 0, "GET", "/", new byte[0], true);
            byte[] payload = Arrays.copyOfRange(request.bytes, Frame.HEADER_BYTES, request.length);
            Stream stream = new Stream(7, payload, true, streams, new Limits(Frame.MAX_PAYLOAD, Host.WINDOW));
            streams.open(stream);
            stream.run();
            writes.permits.release(100);
            others.get(0).join();
            output.drain();
            assertEquals(Arrays.asList(Frame.RESP, Frame.ERROR), typesOn(7, writes));
            assertEquals("the response has ended", refused.get(0).getMessage());
        });
    }

    private static List<Integer> typesOn(int stream, Writes writes) {
        List<Integer> types = new ArrayList<>();
        for (byte[] write : writes.all) {
            for (int at = 0; at < write.length; at += Frame.HEADER_BYTES + Frame.getInt(write, at + 8)) {
                if (Frame.getInt(write, at + 4) == stream) {
                    types.add((int) write[at + 2]);
                }
            }
        }
        return types;
    }
}
