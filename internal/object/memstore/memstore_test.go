package memstore_test

import (
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
	"github.com/sentient-agi/sentientfs/internal/object/objecttest"
)

func TestConformance(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Store { return memstore.New(memstore.Options{}) }, objecttest.Options{PlainETags: true})
}

func TestConformanceSmallParts(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Store { return memstore.New(memstore.Options{MinPart: 1}) },
		objecttest.Options{PlainETags: true, PartSize: 100})
}
