// Reads request bodies with Go's mime/multipart. A request is four bytes of length (big endian) and JSON; so is the answer.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
)

type message struct {
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body"`
}

// The values of a multipart body, also of nested ones, and of the form as net/http reads it.
func values(m message) [][]byte {
	found := [][]byte{}
	header := http.Header{}
	for _, pair := range m.Headers {
		header.Add(pair[0], pair[1])
	}
	if _, parameters, err := mime.ParseMediaType(header.Get("Content-Type")); err == nil && parameters["boundary"] != "" {
		found = parts(found, m.Body, parameters["boundary"], 0)
	}
	request := http.Request{Method: "POST", Header: header, Body: io.NopCloser(bytes.NewReader(m.Body))}
	request.ParseMultipartForm(1 << 24)
	for _, list := range request.PostForm {
		for _, value := range list {
			found = append(found, []byte(value))
		}
	}
	if request.MultipartForm == nil {
		return found
	}
	for _, files := range request.MultipartForm.File {
		for _, file := range files {
			if opened, err := file.Open(); err == nil {
				content, _ := io.ReadAll(opened)
				found = append(found, content)
			}
		}
	}
	return found
}

func parts(found [][]byte, body []byte, boundary string, depth int) [][]byte {
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for depth < 4 {
		part, err := reader.NextPart()
		if err != nil {
			break
		}
		content, _ := io.ReadAll(part)
		found = append(found, content)
		if _, parameters, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err == nil && parameters["boundary"] != "" {
			found = parts(found, content, parameters["boundary"], depth+1)
		}
	}
	return found
}

func main() {
	var length uint32
	for binary.Read(os.Stdin, binary.BigEndian, &length) == nil {
		data := make([]byte, length)
		io.ReadFull(os.Stdin, data)
		var m message
		json.Unmarshal(data, &m)
		reply, _ := json.Marshal(values(m))
		binary.Write(os.Stdout, binary.BigEndian, uint32(len(reply)))
		os.Stdout.Write(reply)
	}
}
