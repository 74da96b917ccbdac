package io.fwatchdog;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The way of frames to the host. {@link #append} only ever copies into a buffer; {@link #flush} writes the buffer out,
 * unless another thread is at it, which then takes the new frames along. So many small frames leave in one write. A thread
 * that finds ever more to write is relieved after some rounds: it has a handler to run, or frames of the host to read.
 */
final class Output implements Runnable {
    private static final int ROUNDS = 4;
    /** Whoever streams waits while more than this is unwritten. */
    private static final int ENOUGH = 4 * Frame.MAX_PAYLOAD;

    private final OutputStream out;
    /** User code writes to the same descriptor, so that no write may be larger than what is never torn. */
    private final boolean shared;

    private final ReentrantLock lock = SpinLock.create();
    private final Condition written = lock.newCondition();
    // lock guards the rest.
    private byte[] pending = new byte[Frame.MAX_PAYLOAD];
    private int length;
    private boolean writing;
    private final Condition relieved = lock.newCondition();
    /** The relief is to go on writing. */
    private boolean handedOver;
    /** The relief has been started, which happens when it is first needed. */
    private boolean hired;

    /** The frames being written: owned by the thread that set {@link #writing}. */
    private byte[] batch = new byte[Frame.MAX_PAYLOAD];

    Output(OutputStream out, boolean shared) {
        this.out = out;
        this.shared = shared;
    }

    /** Queues a sealed frame. Never waits. */
    void append(Encoder frame) {
        append(frame, frame.bytes, 0, 0);
    }

    /** Queues a sealed frame whose payload goes on with {@code count} bytes of {@code body}. Never waits. */
    void append(Encoder head, byte[] body, int offset, int count) {
        lock.lock();
        try {
            int needed = length + head.length + count;
            if (needed > pending.length) {
                pending = Arrays.copyOf(pending, Math.max(2 * pending.length, needed));
            }
            System.arraycopy(head.bytes, 0, pending, length, head.length);
            System.arraycopy(body, offset, pending, length + head.length, count);
            length = needed;
        } finally {
            lock.unlock();
        }
    }

    /** Sees to it that what is queued gets written, by this thread or by the one that writes already. */
    void flush() {
        if (!begin()) {
            return;
        }
        for (int round = 0; round < ROUNDS; round++) {
            int count = take();
            if (count == 0) {
                return;
            }
            write(count);
        }
        handOver();
    }

    /** The relief: goes on writing whenever it is told to. It ends with the process. */
    @Override
    public void run() {
        while (true) {
            awaitHandOver();
            for (int count = take(); count > 0; count = take()) {
                write(count);
            }
        }
    }

    /** Waits until little enough is unwritten. Not for the reader of the host's frames. */
    void awaitRoom() {
        lock.lock();
        try {
            while (writing && length > ENOUGH) {
                written.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Returns once everything queued before is on the pipe. */
    void drain() {
        flush();
        lock.lock();
        try {
            while (writing) {
                written.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Whether the caller is the one who has to write. */
    private boolean begin() {
        lock.lock();
        try {
            boolean mine = !writing && length > 0;
            writing |= mine;
            return mine;
        } finally {
            lock.unlock();
        }
    }

    /** Moves what is queued into {@link #batch}; 0 when there is nothing, and the caller is done. */
    private int take() {
        lock.lock();
        try {
            int count = length;
            byte[] empty = batch;
            batch = pending;
            pending = empty;
            length = 0;
            writing = count > 0;
            written.signalAll();
            return count;
        } finally {
            lock.unlock();
        }
    }

    private void handOver() {
        lock.lock();
        try {
            handedOver = true;
            relieved.signal();
            if (hired) {
                return;
            }
            hired = true;
        } finally {
            lock.unlock();
        }
        new Thread(this, "fwatchdog-writer").start();
    }

    private void awaitHandOver() {
        lock.lock();
        try {
            while (!handedOver) {
                relieved.awaitUninterruptibly();
            }
            handedOver = false;
        } finally {
            lock.unlock();
        }
    }

    private void write(int count) {
        try {
            int from = 0;
            while (from < count) {
                int to = shared ? untorn(from, count) : count;
                out.write(batch, from, to - from);
                from = to;
            }
        } catch (IOException e) {
            Exit.now(Exit.HOST_GONE, "cannot write to the host", e);
        }
    }

    /** The end of the last whole frame that fits an untorn write which begins at {@code from}. */
    private int untorn(int from, int count) {
        int to = from;
        int next = to + frameLength(to);
        while (next <= count && next - from <= Frame.PIPE_BUF) {
            to = next;
            next = to < count ? to + frameLength(to) : Integer.MAX_VALUE;
        }
        return to;
    }

    private int frameLength(int at) {
        return Frame.HEADER_BYTES + Frame.getInt(batch, at + 8);
    }
}
