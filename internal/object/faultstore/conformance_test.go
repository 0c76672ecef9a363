package faultstore_test

import (
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
	"github.com/sentient-agi/sentientfs/internal/object/objecttest"
)

func TestConformance(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Store {
		return faultstore.New(memstore.New(memstore.Options{MinPart: 1}))
	}, objecttest.Options{PlainETags: true, PartSize: 100})
}
