package io.fwatchdog;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameReaderTest {
    private static byte[] frames(int... sizes) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int size : sizes) {
            Encoder frame = new Encoder(size).raw(BodiesTest.pattern(size), 0, size).seal(Frame.DATA, false, 1 + size, 0);
            bytes.write(frame.bytes, 0, frame.length);
        }
        return bytes.toByteArray();
    }

    /** A pipe that never gives more than that at once. */
    private static ByteArrayInputStream inPieces(byte[] bytes, int most) {
        return new ByteArrayInputStream(bytes) {
            @Override
            public synchronized int read(byte[] to, int offset, int count) {
                return super.read(to, offset, Math.min(count, most));
            }
        };
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 12, 13, 4096, 65536})
    void framesAreFoundHoweverThePipeIsCut(int most) throws IOException {
        int[] sizes = {0, 1, 5, 65536, 65536, 3, 65535, 0, 65536};
        FrameReader reader = new FrameReader(inPieces(frames(sizes), most));
        for (int size : sizes) {
            while (!reader.next()) {
                assertTrue(reader.fill());
            }
            assertEquals(Frame.DATA, reader.type);
            assertEquals(1 + size, reader.stream);
            assertArrayEquals(BodiesTest.pattern(size), reader.copyPayload());
        }
        assertFalse(reader.next());
        assertFalse(reader.fill());
    }

    @Test
    void oneReadTakesManyFrames() throws IOException {
        FrameReader reader = new FrameReader(new ByteArrayInputStream(frames(1, 2, 3)));
        assertTrue(reader.fill());
        assertTrue(reader.next() && reader.next() && reader.next());
        assertFalse(reader.next());
    }

    @Test
    void aFaultIsSaidWithItsPlaceAndBytes() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(frames(3));
        bytes.write('G');
        FrameReader reader = new FrameReader(new ByteArrayInputStream(bytes.toByteArray()));
        assertTrue(reader.fill());
        assertTrue(reader.next());
        ProtocolException fault = assertThrows(ProtocolException.class, reader::next);
        assertEquals("no frame begins here, at offset 15: 47", fault.getMessage());
    }

    @Test
    void noBytesWhateverTheyAreDoMoreThanBreakTheProtocol() throws IOException {
        Random random = new Random(1);
        for (int round = 0; round < 20_000; round++) {
            byte[] bytes = new byte[Frame.HEADER_BYTES + random.nextInt(64)];
            random.nextBytes(bytes);
            Frame.putHeader(bytes, 0, random.nextInt(24), true, random.nextInt(3), random.nextInt(80));
            try {
                decodeAll(new FrameReader(new ByteArrayInputStream(bytes)));
            } catch (ProtocolException e) {
                assertTrue(e.getMessage().length() > 0);
            }
        }
    }

    private static void decodeAll(FrameReader reader) throws IOException {
        while (reader.fill()) {
            while (reader.next()) {
                switch (reader.type) {
                    case Frame.HELLO:
                        Hello.decode(reader.payload());
                        break;
                    case Frame.REQ:
                        Messages.checkRequest(reader.payload());
                        Messages.request(reader.copyPayload(), null, null);
                        break;
                    case Frame.PING:
                        Messages.ping(reader.payload());
                        break;
                    case Frame.WINDOW:
                        Messages.window(reader.payload());
                        break;
                    case Frame.CANCEL:
                        Messages.cancel(reader.payload());
                        break;
                    default:
                        reader.copyPayload();
                        break;
                }
            }
        }
    }
}
