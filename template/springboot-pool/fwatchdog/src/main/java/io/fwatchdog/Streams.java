package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** The open streams of this worker, and the lock that guards the state of each. */
final class Streams {
    final Output output;
    private final int concurrency;

    final ReentrantLock lock = SpinLock.create();
    private final Condition ended = lock.newCondition();
    // lock guards the rest.
    private final Map<Integer, Stream> open = new HashMap<>();
    /** The highest number of a stream so far, unsigned. */
    private int newest;
    /** Answers the requests; null until READY is said. */
    private Handler handler;
    /** The host has said GOAWAY. */
    private boolean leaving;
    /** The host's pipe is at its end: nothing that a stream waits for will come. */
    private boolean hostGone;

    Streams(Output output, int concurrency) {
        this.output = output;
        this.concurrency = concurrency;
    }

    /** Opens a stream. False when this worker takes no further one, so that another one may have it. */
    boolean open(Stream stream) throws ProtocolException {
        lock.lock();
        try {
            if (handler == null || Integer.compareUnsigned(stream.number, newest) <= 0) {
                throw new ProtocolException(Fault.STREAM, "a request before READY, or on stream " + stream
                        + " after stream " + Integer.toUnsignedString(newest));
            }
            newest = stream.number;
            boolean taken = !leaving && open.size() < concurrency;
            if (taken) {
                open.put(stream.number, stream);
            }
            return taken;
        } finally {
            lock.unlock();
        }
    }

    /** Who answers the requests of open streams. The lock is held. */
    Handler handler() {
        return handler;
    }

    /** How many streams are open. */
    int count() {
        lock.lock();
        try {
            return open.size();
        } finally {
            lock.unlock();
        }
    }

    /** The threads that run handlers at this moment. */
    List<Thread> runners() {
        List<Thread> runners = new ArrayList<>();
        lock.lock();
        try {
            for (Stream stream : open.values()) {
                if (stream.runner() != null) {
                    runners.add(stream.runner());
                }
            }
        } finally {
            lock.unlock();
        }
        return runners;
    }

    /** The open stream of that number; null when it has ended, or never was. */
    Stream find(int number) {
        lock.lock();
        try {
            return open.get(number);
        } finally {
            lock.unlock();
        }
    }

    /** Removes a stream that ends. The lock is held. */
    void remove(Stream stream) {
        open.remove(stream.number);
        if (hostGone && open.isEmpty()) {
            ended.signalAll();
        }
    }

    /** Says READY: from now on requests are taken. */
    void accept(Handler handler) {
        lock.lock();
        try {
            this.handler = handler;
            output.append(Messages.ready(new Headers()));
        } finally {
            lock.unlock();
        }
        output.flush();
    }

    /** The host sends no further streams. Those in flight go on, and need all that the host still says. */
    void goAway() {
        lock.lock();
        try {
            leaving = true;
        } finally {
            lock.unlock();
        }
    }

    /** The host says nothing any more. What a stream waits for will not come; what it can finish it may finish. */
    void hostGone() {
        lock.lock();
        try {
            hostGone = true;
            for (Stream stream : open.values()) {
                stream.hostGone();
            }
            ended.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Returns when the host has gone and the last stream has ended. */
    void awaitEnd() {
        lock.lock();
        try {
            while (!hostGone || !open.isEmpty()) {
                ended.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }
}
