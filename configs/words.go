package configs

import (
	"errors"
	"strings"
)

// splitWords splits text as a POSIX shell splits a command into words: blanks part them; what stands in single quotes
// is taken as it is; in double quotes a backslash makes one of $ ` " \ ordinary, and stands for itself before others;
// elsewhere it makes the next character ordinary; before the end of a line it joins the next line; a # at the start of
// a word begins a comment. Nothing is expanded, and a line's end is a blank.
func splitWords(text string) ([]string, error) {
	var words []string
	for text = skipBlanks(text); text != ""; text = skipBlanks(text) {
		word, rest, err := cutWord(text)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
		text = rest
	}
	return words, nil
}

const (
	blanks = " \t\r\n"
	joint  = "\\\n" // of two lines
)

// skipBlanks goes on to the start of the next word.
func skipBlanks(text string) string {
	for {
		switch {
		case text == "":
			return text
		case strings.Contains(blanks, text[:1]):
			text = text[1:]
		case strings.HasPrefix(text, joint):
			text = text[len(joint):]
		case text[0] == '#':
			_, text, _ = strings.Cut(text, "\n")
		default:
			return text
		}
	}
}

// cutWord cuts off the first word.
func cutWord(text string) (word, rest string, err error) {
	var b strings.Builder
	for text != "" && !strings.Contains(blanks, text[:1]) {
		var piece string
		switch text[0] {
		case '\'':
			piece, text, err = cutQuoted(text[1:])
		case '"':
			piece, text, err = cutDoubleQuoted(text[1:])
		case '\\':
			piece, text, err = cutEscaped(text[1:])
		default:
			piece, text = text[:1], text[1:]
		}
		if err != nil {
			return "", "", err
		}
		b.WriteString(piece)
	}
	return b.String(), text, nil
}

var (
	errQuote  = errors.New("a quote is not closed")
	errEscape = errors.New("nothing follows the backslash at the end")
)

func cutQuoted(text string) (piece, rest string, err error) {
	piece, rest, closed := strings.Cut(text, "'")
	if !closed {
		return "", "", errQuote
	}
	return piece, rest, nil
}

func cutDoubleQuoted(text string) (piece, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		case strings.HasPrefix(text[i:], joint):
			i++
			continue
		case text[i] == '\\' && i+1 < len(text) && strings.Contains("$`\"\\", text[i+1:i+2]):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", errQuote
}

func cutEscaped(text string) (piece, rest string, err error) {
	if text == "" {
		return "", "", errEscape
	}
	if text[0] == '\n' { // a joint
		return "", text[1:], nil
	}
	return text[:1], text[1:], nil
}
