// Makes forms with Go's mime/multipart and sends them with net/http. A message is four bytes of length (big endian) and JSON.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os"
)

type file struct {
	Name     string `json:"name"`
	FileName string `json:"fileName"`
	Bytes    []byte `json:"bytes"`
}

type plan struct {
	URL    string      `json:"url"`
	Fields [][2]string `json:"fields"`
	Files  []file      `json:"files"`
}

func send(p plan) error {
	body := &bytes.Buffer{}
	writer := multipart.NewWriter(body)
	for _, field := range p.Fields {
		if err := writer.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	for _, f := range p.Files {
		part, err := writer.CreateFormFile(f.Name, f.FileName)
		if err != nil {
			return err
		}
		part.Write(f.Bytes)
	}
	writer.Close()
	response, err := http.Post(p.URL, writer.FormDataContentType(), body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func main() {
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(os.Stdin, head); err != nil {
			return
		}
		text := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(os.Stdin, text); err != nil {
			return
		}
		p := plan{}
		reply := []byte(`{"ok":true}`)
		if err := json.Unmarshal(text, &p); err != nil {
			reply = []byte(`{"ok":false}`)
		} else if err := send(p); err != nil {
			reply = []byte(`{"ok":false}`)
		}
		binary.BigEndian.PutUint32(head, uint32(len(reply)))
		os.Stdout.Write(append(head, reply...))
	}
}
