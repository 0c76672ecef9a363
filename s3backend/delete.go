package s3backend

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxBatch is the number of keys that DeleteObjects takes (its API reference).
const maxBatch = 1000

// singleParallel is how many deletes run side by side for keys that a batch cannot carry.
const singleParallel = 16

// Delete implements object.Store. Amazon S3 calls it a success when an object with IfMatch is gone already; other
// servers say KindNotFound.
func (s *Store) Delete(ctx context.Context, key string, opts object.DeleteOptions) error {
	const op = "DeleteObject"
	full, err := s.full(op, key)
	if err != nil {
		return err
	}
	asked := conditions{ifMatch: opts.IfMatch}
	cond, err := s.guard(ctx, op, key, asked, honoursDelete)
	if err != nil {
		return err
	}
	return s.remove(ctx, key, full, cond)
}

func (s *Store) remove(ctx context.Context, key, full string, cond conditions) error {
	const op = "DeleteObject"
	in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &full}
	in.IfMatch, _ = cond.headers()
	return s.do(ctx, op, key, func(ctx context.Context, a attempt) error {
		_, err := s.client.DeleteObject(ctx, in)
		if err == nil {
			return nil
		}
		switch kind := classify(err).kind; {
		case kind == object.KindNotFound && (a.maybe || !cond.any()):
			return nil // what was to go is gone, by an attempt before or by others
		case kind == object.KindChanged && cond.any():
			refusal := s.refused(ctx, op, key, cond, err)
			if a.maybe && object.Is(refusal, object.KindNotFound) {
				return nil
			}
			return refusal
		}
		return err
	})
}

// DeleteMany implements object.BatchDeleter. Keys that XML cannot carry are removed one by one: the encoder would put
// another character in their place, and so another key.
func (s *Store) DeleteMany(ctx context.Context, keys []string) (map[string]error, error) {
	const op = "DeleteObjects"
	if len(keys) > maxBatch {
		return nil, &object.Error{Op: op, Kind: object.KindInvalid, Err: fmt.Errorf("%d keys, at most %d are possible", len(keys), maxBatch)}
	}
	failed := map[string]error{}
	batch := map[string]string{} // full key to key
	var single []string
	for _, key := range keys {
		full, err := s.full(op, key)
		switch {
		case err != nil:
			failed[key] = err
		case xmlCarries(full):
			batch[full] = key
		default:
			single = append(single, key)
		}
	}
	var again []string
	if len(batch) > 0 {
		var err error
		if again, err = s.removeBatch(ctx, batch, failed); err != nil {
			return nil, err
		}
	}
	s.removeEach(ctx, append(single, again...), failed)
	return failed, nil
}

func xmlCarries(key string) bool {
	for _, r := range key {
		// The characters of XML 1.0, without CR, which parsers turn into LF, and without the replacement character,
		// which stands for lost ones.
		if r != '\t' && r != '\n' && r < ' ' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}

// removeBatch is the one request. It returns the keys that are worth another try.
func (s *Store) removeBatch(ctx context.Context, batch map[string]string, failed map[string]error) ([]string, error) {
	const op = "DeleteObjects"
	in := &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{}}
	for full := range batch {
		in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: aws.String(full)})
	}
	var out *s3.DeleteObjectsOutput
	err := s.do(ctx, op, "", func(ctx context.Context, _ attempt) (err error) {
		out, err = s.client.DeleteObjects(ctx, in, withMD5)
		return err
	})
	if err != nil {
		return nil, err
	}
	var again []string
	for _, e := range out.Errors {
		key, ok := batch[aws.ToString(e.Key)]
		if !ok {
			continue
		}
		delete(batch, aws.ToString(e.Key))
		v, known := byCode[aws.ToString(e.Code)]
		switch {
		case known && v.kind == object.KindNotFound:
		case !known || v.retry:
			again = append(again, key)
		default:
			failed[key] = &object.Error{Op: op, Key: key, Kind: v.kind, Err: fmt.Errorf("%s", aws.ToString(e.Code))}
		}
	}
	for _, d := range out.Deleted {
		delete(batch, aws.ToString(d.Key))
	}
	for _, key := range batch { // of which the answer says nothing
		again = append(again, key)
	}
	return again, nil
}

// withMD5 adds Content-MD5, without which older servers refuse a batch.
func withMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return smithyhttp.AddContentChecksumMiddleware(stack)
	})
}

func (s *Store) removeEach(ctx context.Context, keys []string, failed map[string]error) {
	errs := make([]error, len(keys))
	var g errgroup.Group
	g.SetLimit(singleParallel)
	for i, key := range keys {
		g.Go(func() error {
			errs[i] = s.Delete(ctx, key, object.DeleteOptions{})
			return nil
		})
	}
	_ = g.Wait()
	for i, key := range keys {
		if errs[i] != nil {
			failed[key] = errs[i]
		}
	}
}
