package io.fwatchdog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The vectors that all SDKs share: a worker decodes what a host sends, and encodes what a worker sends. */
class VectorsTest {
    private static final int FEWEST = 60;

    @Test
    void thereAreManyVectors() throws IOException {
        JsonObject vectors = vectors();
        assertTrue(vectors.getAsJsonArray("frames").size() + vectors.getAsJsonArray("bad").size() >= FEWEST);
    }

    @TestFactory
    List<DynamicTest> framesOfTheHostAreDecoded() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject vector : from("host", "frames")) {
            tests.add(DynamicTest.dynamicTest(name(vector), () -> assertDecodes(vector)));
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> framesOfAWorkerAreEncoded() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject vector : from("worker", "frames")) {
            // A worker neither sends what a later version adds nor what it may leave out.
            if (!vector.has("lossy") && !vector.has("ignored")) {
                tests.add(DynamicTest.dynamicTest(name(vector), () -> assertEncodes(vector)));
            }
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> badFramesOfTheHostAreRefused() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject vector : from("host", "bad")) {
            tests.add(DynamicTest.dynamicTest(name(vector), () -> {
                ProtocolException refused = assertThrows(ProtocolException.class, () -> decode(read(vector)));
                assertEquals(vector.get("error").getAsString(), refused.fault.name().toLowerCase());
            }));
        }
        return tests;
    }

    private static void assertDecodes(JsonObject vector) throws IOException {
        FrameReader frame = read(vector);
        assertEquals(vector.get("end").getAsBoolean(), frame.end);
        assertEquals(vector.get("stream").getAsLong(), frame.stream & 0xFFFFFFFFL);
        JsonObject meaning = vector.deepCopy();
        for (String key : new String[] {"name", "from", "hex", "end", "stream", "lossy"}) {
            meaning.remove(key);
        }
        assertEquals(meaning, decode(frame));
    }

    /** Decodes a payload as the worker does. */
    private static JsonObject decode(FrameReader frame) throws IOException {
        JsonObject meaning = new JsonObject();
        switch (frame.type) {
            case Frame.HELLO:
                Hello hello = Hello.decode(frame.payload());
                meaning.addProperty("type", "HELLO");
                meaning.addProperty("min", hello.min);
                meaning.addProperty("max", hello.max);
                meaning.add("pairs", pairs(hello.pairs));
                break;
            case Frame.PING:
                meaning.addProperty("type", "PING");
                meaning.addProperty("nonce", String.format("%016x", Messages.ping(frame.payload())));
                break;
            case Frame.GOAWAY:
                meaning.addProperty("type", "GOAWAY");
                meaning.addProperty("reason", frame.payload().text());
                break;
            case Frame.REQ:
                Messages.checkRequest(frame.payload());
                meaning = request(frame);
                break;
            case Frame.DATA:
                meaning.addProperty("type", "DATA");
                meaning.addProperty("body", hex(frame.copyPayload()));
                break;
            case Frame.WINDOW:
                meaning.addProperty("type", "WINDOW");
                meaning.addProperty("bytes", Messages.window(frame.payload()));
                break;
            case Frame.CANCEL:
                meaning.addProperty("type", "CANCEL");
                meaning.addProperty("reason", Messages.cancel(frame.payload()));
                break;
            default:
                meaning.addProperty("type", "UNKNOWN");
                meaning.addProperty("ignored", true);
                break;
        }
        return meaning;
    }

    private static JsonObject request(FrameReader frame) throws IOException {
        Request request = Messages.request(frame.copyPayload(), null, null);
        JsonObject meaning = new JsonObject();
        meaning.addProperty("type", "REQ");
        meaning.addProperty("timeoutMs", request.timeoutMillis());
        meaning.addProperty("method", request.method());
        meaning.addProperty("target", request.target());
        meaning.add("headers", pairs(request.headers()));
        meaning.addProperty("body", hex(request.body()));
        return meaning;
    }

    private static void assertEncodes(JsonObject vector) {
        byte[] body = vector.has("body") ? bytes(vector.get("body").getAsString()) : new byte[0];
        Encoder head = encode(vector, (int) vector.get("stream").getAsLong(), vector.get("end").getAsBoolean(), body.length);
        String encoded = hex(head.bytes).substring(0, 2 * head.length) + hex(body);
        assertEquals(vector.get("hex").getAsString(), encoded);
    }

    /** Encodes all of a frame but the body that is written behind it. */
    private static Encoder encode(JsonObject vector, int stream, boolean end, int body) {
        switch (vector.get("type").getAsString()) {
            case "HELLO":
                return Messages.hello(vector.get("min").getAsInt(), vector.get("max").getAsInt(), headers(vector, "pairs"));
            case "READY":
                return Messages.ready(headers(vector, "pairs"));
            case "PONG":
                return Messages.pong(Long.parseUnsignedLong(vector.get("nonce").getAsString(), 16));
            case "GOAWAY":
                return Messages.goAway(vector.get("reason").getAsString());
            case "LOG":
                byte[] text = vector.get("text").getAsString().getBytes(UTF_8);
                return Messages.log(stream, Level.values()[vector.get("level").getAsInt()], text, 0, text.length);
            case "RESP":
                return Messages.response(vector.get("status").getAsInt(), headers(vector, "headers"), Frame.MAX_PAYLOAD)
                        .seal(Frame.RESP, end, stream, body);
            case "DATA":
                return Messages.data(stream, body, end);
            case "WINDOW":
                return Messages.window(stream, (int) vector.get("bytes").getAsLong());
            case "ERROR":
                return Messages.error(stream, vector.get("code").getAsInt(), vector.get("text").getAsString(), Frame.MAX_PAYLOAD);
            default:
                throw new AssertionError("no worker sends " + vector.get("type"));
        }
    }

    private static FrameReader read(JsonObject vector) throws IOException {
        FrameReader frames = new FrameReader(new ByteArrayInputStream(bytes(vector.get("hex").getAsString())));
        while (!frames.next()) {
            assertTrue(frames.fill(), "the vector ends within its frame");
        }
        return frames;
    }

    private static Headers headers(JsonObject vector, String key) {
        Headers headers = new Headers();
        for (JsonElement pair : vector.getAsJsonArray(key)) {
            headers.addDecoded(pair.getAsJsonArray().get(0).getAsString(), pair.getAsJsonArray().get(1).getAsString());
        }
        return headers;
    }

    private static JsonArray pairs(Headers headers) {
        JsonArray pairs = new JsonArray();
        for (Map.Entry<String, String> header : headers) {
            JsonArray pair = new JsonArray();
            pair.add(header.getKey());
            pair.add(header.getValue());
            pairs.add(pair);
        }
        return pairs;
    }

    private static List<JsonObject> from(String side, String list) throws IOException {
        List<JsonObject> some = new ArrayList<>();
        for (JsonElement vector : vectors().getAsJsonArray(list)) {
            if (vector.getAsJsonObject().get("from").getAsString().equals(side)) {
                some.add(vector.getAsJsonObject());
            }
        }
        assertFalse(some.isEmpty());
        return some;
    }

    private static JsonObject vectors() throws IOException {
        try (Reader text = Files.newBufferedReader(Paths.get("../../protocol/testdata/vectors.json"))) {
            return JsonParser.parseReader(text).getAsJsonObject();
        }
    }

    private static String name(JsonObject vector) {
        return vector.get("name").getAsString();
    }

    private static byte[] bytes(String hex) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return bytes;
    }

    private static String hex(byte[] bytes) {
        StringBuilder hex = new StringBuilder(2 * bytes.length);
        for (byte b : bytes) {
            hex.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        }
        return hex.toString();
    }
}
