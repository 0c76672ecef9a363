package fs

import (
	"io"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// onePut is the size in bytes up to which an object is stored in one piece (transfer.Options.PartSize).
	onePut = 8 << 20
	// copyPart is the size in bytes of the parts of a copy in parts: below S3's 5 GiB for one, and 5 TiB are fewer
	// than its 10,000.
	copyPart = 1 << 30
)

// copyOver copies one version of src to dst, whatever is there.
func (f *FS) copyOver(dst, src string, info object.Info) (object.Info, error) {
	return f.describe(info)(f.store.Copy(f.ctx, dst, src, object.CopyOptions{SourceETag: info.ETag, Source: &info}))
}

// copyNew copies one version of src to dst, where nothing may be: KindExists. Servers that do not honour the condition
// on a copy honour it on a PUT or on the completion of an upload.
func (f *FS) copyNew(dst, src string, info object.Info) (object.Info, error) {
	t := f.opts.Traits
	switch {
	case t.CopyIfMatch:
		return f.describe(info)(f.store.Copy(f.ctx, dst, src,
			object.CopyOptions{SourceETag: info.ETag, Source: &info, IfNoneMatch: true}))
	case t.PutIfNoneMatch && info.Size <= onePut:
		return f.putCopy(dst, src, info)
	case t.CompleteIfNoneMatch && info.Size > 0:
		return f.copyInParts(dst, src, info)
	}
	_, err := f.store.Head(f.ctx, dst)
	if err == nil {
		return object.Info{}, &object.Error{Op: "CopyObject", Key: dst, Kind: object.KindExists}
	}
	if !object.Is(err, object.KindNotFound) {
		return object.Info{}, err
	}
	return f.copyOver(dst, src, info)
}

// describe adds what a copy takes from its source to what the store told of it.
func (f *FS) describe(source object.Info) func(object.Info, error) (object.Info, error) {
	return func(got object.Info, err error) (object.Info, error) {
		if got.Metadata == nil {
			got.Metadata = source.Metadata
		}
		if got.ContentType == "" {
			got.ContentType = source.ContentType
		}
		return got, err
	}
}

// putCopy reads a small object and stores it under dst.
func (f *FS) putCopy(dst, src string, info object.Info) (object.Info, error) {
	from, err := f.store.Get(f.ctx, src, object.GetOptions{IfMatch: info.ETag})
	if err != nil {
		return object.Info{}, err
	}
	defer from.Close()
	body, err := io.ReadAll(io.LimitReader(from, onePut+1))
	if err != nil {
		return object.Info{}, err
	}
	if int64(len(body)) != from.Info.Size {
		return object.Info{}, &object.Error{Op: "GetObject", Key: src, Kind: object.KindCorrupt}
	}
	return f.describe(from.Info)(f.store.Put(f.ctx, dst, object.Bytes(body),
		object.PutOptions{Metadata: from.Info.Metadata, ContentType: from.Info.ContentType, IfNoneMatch: true}))
}

// copyInParts copies an object through an upload.
func (f *FS) copyInParts(dst, src string, info object.Info) (object.Info, error) {
	if info.Metadata == nil || info.ContentType == "" {
		now, err := f.store.Head(f.ctx, src)
		if err != nil {
			return object.Info{}, err
		}
		if !now.SameContent(info) {
			return object.Info{}, &object.Error{Op: "CopyObject", Key: src, Kind: object.KindChanged}
		}
		info = now
	}
	up, err := f.store.CreateUpload(f.ctx, dst,
		object.PutOptions{Metadata: info.Metadata, ContentType: info.ContentType, IfNoneMatch: true})
	if err != nil {
		return object.Info{}, err
	}
	var parts []object.Part
	for off := int64(0); off < info.Size; off += copyPart {
		part, err := up.CopyPart(f.ctx, len(parts)+1, src, info.ETag, off, min(copyPart, info.Size-off))
		if err != nil {
			f.abort(up, dst)
			return object.Info{}, err
		}
		parts = append(parts, part)
	}
	got, err := f.describe(info)(up.Complete(f.ctx, parts))
	if err != nil {
		f.abort(up, dst)
	}
	return got, err
}

func (f *FS) abort(up object.Upload, key string) {
	if err := up.Abort(f.ctx); err != nil {
		f.log.Warn("upload not ended", "key", key, "upload", up.ID(), "err", err)
	}
}
