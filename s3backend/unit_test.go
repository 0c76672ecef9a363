package s3backend_test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc64"
)

func wireCRC(b []byte) string {
	sum := crc64.Checksum(b, crc64.MakeTable(0x9a6c9329ac4bc9b5))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum))
}
