package io.fwatchdog;

import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * The headers of a request or response: pairs of name and value in the order of the wire. A name may occur more than
 * once, names are in lower case, and looking one up ignores case.
 *
 * <p>Names and values are bytes written as latin-1: one character, one byte.
 */
public final class Headers implements Iterable<Map.Entry<String, String>> {
    private static final String[] NONE = {};

    /** Names at even places, values at odd ones: all headers of a message cost one array. */
    private String[] pairs = NONE;
    private int length;

    Headers() {
    }

    /**
     * Headers for a test of a handler.
     *
     * @param namesAndValues a name, its value, the next name, ...
     * @return the headers
     */
    public static Headers of(String... namesAndValues) {
        if (namesAndValues.length % 2 != 0) {
            throw new IllegalArgumentException("the name " + namesAndValues[namesAndValues.length - 1] + " has no value");
        }
        Headers headers = new Headers();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            headers.add(namesAndValues[i], namesAndValues[i + 1]);
        }
        return headers;
    }

    /**
     * The first value of a header.
     *
     * @param name the name, in any case
     * @return its value, or null when there is none
     */
    public String get(String name) {
        for (int i = 0; i < length; i += 2) {
            if (pairs[i].equalsIgnoreCase(name)) {
                return pairs[i + 1];
            }
        }
        return null;
    }

    /**
     * All values of a header.
     *
     * @param name the name, in any case
     * @return its values in their order, empty when there is none
     */
    public List<String> all(String name) {
        List<String> values = new ArrayList<>(2);
        for (int i = 0; i < length; i += 2) {
            if (pairs[i].equalsIgnoreCase(name)) {
                values.add(pairs[i + 1]);
            }
        }
        return values;
    }

    /**
     * How many pairs there are.
     *
     * @return the number of pairs, repeated names counted each time
     */
    public int size() {
        return length / 2;
    }

    /** Name and value of each pair, in the order of the wire. */
    @Override
    public Iterator<Map.Entry<String, String>> iterator() {
        return new Pairs();
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, String> pair : this) {
            text.append(pair.getKey()).append(": ").append(pair.getValue()).append('\n');
        }
        return text.toString();
    }

    /** How many bytes the pairs take in a frame. */
    int encodedBytes() {
        int bytes = 2;
        for (int i = 0; i < length; i++) {
            bytes += 2 + pairs[i].length();
        }
        return bytes;
    }

    /** Appends a pair from user code, after a check that it can travel. */
    void add(String name, String value) {
        checkName(name);
        checkValue(name, value);
        addDecoded(name.toLowerCase(Locale.ROOT), value);
    }

    /** Appends a pair as it came from the wire. */
    void addDecoded(String name, String value) {
        if (length == pairs.length) {
            pairs = Arrays.copyOf(pairs, Math.max(8, 2 * length));
        }
        pairs[length++] = name;
        pairs[length++] = value;
    }

    private static void checkName(String name) {
        if (name.isEmpty()) {
            throw new IllegalArgumentException("a header has no name");
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c <= ' ' || c >= 127 || c == ':') {
                throw new IllegalArgumentException("the header name \"" + name + "\" holds a character that none may hold");
            }
        }
    }

    private static void checkValue(String name, String value) {
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '\r' || c == '\n' || c == 0) {
                throw new IllegalArgumentException("the header " + name + " holds a line break");
            }
            if (c > 0xFF) {
                throw new IllegalArgumentException("the header " + name + " holds a character outside latin-1");
            }
        }
    }

    private final class Pairs implements Iterator<Map.Entry<String, String>> {
        private int next;

        @Override
        public boolean hasNext() {
            return next < length;
        }

        @Override
        public Map.Entry<String, String> next() {
            if (next >= length) {
                throw new NoSuchElementException();
            }
            next += 2;
            return new SimpleImmutableEntry<>(pairs[next - 2], pairs[next - 1]);
        }
    }
}
