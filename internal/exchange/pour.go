package exchange

import "io"

// Pour writes a body to a process's stdin as it comes. A process need not read it: when it takes no more, that is the end
// and no error. The error is the body's, which broke off.
func Pour(stdin io.Writer, body io.Reader) error {
	piece := make([]byte, 32<<10)
	for {
		n, err := body.Read(piece)
		if n > 0 {
			if _, err := stdin.Write(piece[:n]); err != nil {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
