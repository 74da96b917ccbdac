package io.fwatchdog;

/** A frame that a worker sent to the {@link Host}. */
final class Received {
    final int type;
    final boolean end;
    final int stream;
    final byte[] payload;

    Received(int type, boolean end, int stream, byte[] payload) {
        this.type = type;
        this.end = end;
        this.stream = stream;
        this.payload = payload;
    }

    boolean isTerminal() {
        return type == Frame.ERROR || end && (type == Frame.RESP || type == Frame.DATA);
    }

    Decoder decoder() {
        return new Decoder(payload, 0, payload.length);
    }

    @Override
    public String toString() {
        return "type " + type + (end ? " END" : "") + " on stream " + stream + " with " + payload.length + " bytes";
    }
}
